"""What trackers have in common that keep the runs of many folders in one store."""

import time
from abc import ABC, abstractmethod
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

from lightning.fabric.utilities.rank_zero import rank_zero_only
from torch import Tensor

from triptych.evaluations import Evaluation
from triptych.result import leaves
from triptych.tracking.flat import Flat, flattened
from triptych.tracking.tables import TakesTables
from triptych.tracking.untitled import Untitled

ENDS = ("finished", "failed", "skipped", "interrupted")


@final
@dataclass
class _Row:
    """Numbers of a step, and when the last of them came, in seconds since 1970."""

    numbers: dict[str, float] = field(default_factory=dict)
    at_s: float = 0.0


class StoreLogger(Untitled, TakesTables, ABC):
    """A run opens with its settings, gets a row for each step, and is told how it ended.

    All of it happens on rank 0 only. A row is sent as a whole when the next step begins, a
    checkpoint was written or a stage ends: each message to a store costs tens of milliseconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_open = False
        self._rows: dict[int, _Row] = {}
        self._step = 0

    @rank_zero_only
    def log_hyperparams(
        self, params: dict[str, Any] | Namespace | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Opens the run.

        Args:
            params: the settings, still nested.

        Raises:
            InvalidSetting: if the store cannot be used.
        """
        nested = vars(params) if isinstance(params, Namespace) else params
        self._open(dict(leaves(nested or {})))
        self._is_open = True

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float | Tensor], step: int | None = None) -> None:
        """Adds to the row of the step; without a step, to the latest row."""
        self._step = self._step if step is None else step
        row = self._rows.setdefault(self._step, _Row())
        row.numbers |= {name: float(value) for name, value in metrics.items() if name != "step"}
        row.at_s = time.time()
        self._send_rows(but=self._step)

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """Sends what there is: a run that is killed goes on from here."""
        self._send_rows()

    @rank_zero_only
    def log_tables(self, evaluation: Evaluation) -> None:
        """Takes the tables of the test; those of validations would be one more set an epoch."""
        if evaluation.split == "test":
            self._send_rows()
            self._send_tables(flattened(evaluation.tables), evaluation.step)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Sends what is left. Lightning calls this after each stage, so it is no end."""
        self._send_rows()

    @rank_zero_only
    def end(self, status: str) -> None:
        """Marks the run, if one is open.

        Args:
            status: as in `result.json`, one of `ENDS`.
        """
        if self._is_open:
            self._send_rows()
            self._end(status)
            self._is_open = False

    @rank_zero_only
    def _send_rows(self, but: int | None = None) -> None:
        for step in [step for step in self._rows if step != but]:
            # Ctrl-C may come at any moment: a row is kept until it has arrived.
            self._send(self._rows[step].numbers, step, self._rows[step].at_s)
            del self._rows[step]

    @abstractmethod
    def _open(self, settings: Mapping[str, Any]) -> None:
        """Begins the run, or goes on with the one of the same identity.

        Args:
            settings: plain values by dotted key.
        """

    @abstractmethod
    def _send(self, row: Mapping[str, float], step: int, at_s: float) -> None:
        """Keeps a row. A step may have several, of different numbers.

        Args:
            at_s: when it was measured, in seconds since 1970.
        """

    @abstractmethod
    def _send_tables(self, tables: Mapping[str, Flat], step: int) -> None:
        """Keeps tables."""

    @abstractmethod
    def _end(self, status: str) -> None:
        """Marks the open run with one of `ENDS`."""

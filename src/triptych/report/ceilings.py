"""What is known about the best possible accuracy on the data of a sweep's runs: `ceilings.json` in
its folder, written by who can make the data, read here."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, variance
from typing import Any, final

from triptych.errors import InvalidSetting
from triptych.result import write_whole

FILE = "ceilings.json"
EXCEEDED = 3.0
"""Standard errors from which on an accuracy above a ceiling is no chance."""


@final
@dataclass(frozen=True)
class KnownCeiling:
    """The accuracy that no classifier can exceed, as a share.

    Attributes:
        data: the settings of the data, without their seed.
        seed: of the data that were looked at; another seed may draw a slightly other task.
        standard_error: of `accuracy`; 0 where it is exact.
    """

    data: dict[str, Any]
    seed: int
    accuracy: float
    standard_error: float

    @property
    def text(self) -> str:
        """In percent, with twice its standard error.

        >>> KnownCeiling({}, 0, 0.99731, 0.00022).text
        '99.73 ± 0.04 %'
        """
        spread = f" ± {200 * self.standard_error:.2f}" if self.standard_error else ""
        return f"{100 * self.accuracy:.2f}{spread} %"

    def is_exceeded(self, scores: Sequence[float]) -> bool:
        """Whether the mean of accuracies over seeds lies above it, by more than chance allows.

        Chance is what scores differ by between seeds, and not less than what a classifier that
        is as good as the ceiling varies by on test splits of `n_test` samples: a lone score, or
        two that happen to agree, say nothing of it.
        """
        if not scores:
            return False
        mean = fmean(scores)
        seen = variance(scores) if len(scores) > 1 else 0.0
        by_lot = self.accuracy * (1 - self.accuracy) / self.data.get("n_test", math.inf)
        chance = math.hypot(self.standard_error, math.sqrt(max(seen, by_lot) / len(scores)))
        return mean - self.accuracy > EXCEEDED * chance


def settings_of_data(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run's data without their seed: runs that share them share a ceiling."""
    return {key: value for key, value in (config.get("data") or {}).items() if key != "seed"}


def write_ceilings(folder: Path, ceilings: Sequence[KnownCeiling]) -> Path:
    """As a whole file."""
    text = json.dumps([asdict(one) for one in ceilings], indent=1)
    return write_whole(folder / FILE, text + "\n")


def read_ceilings(folder: Path) -> list[KnownCeiling]:
    """Those of a folder; empty if nothing is known there.

    Raises:
        InvalidSetting: if the file is none of ours.
    """
    file = folder / FILE
    if not file.is_file():
        return []
    try:
        return [KnownCeiling(**one) for one in json.loads(file.read_text(encoding="utf-8"))]
    except (TypeError, ValueError) as error:
        raise InvalidSetting(f"{file} does not hold ceilings: {error}") from error


def ceiling_of(ceilings: Sequence[KnownCeiling], config: Mapping[str, Any]) -> KnownCeiling | None:
    """The one of a run's data; None if it is not known."""
    mine = settings_of_data(config)
    return next((one for one in ceilings if one.data == mine), None)

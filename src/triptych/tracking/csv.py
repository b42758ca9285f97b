"""Metrics as one table, `metrics.csv`: one row per step, whatever was logged at that step.

Lightning logs the training and the validation metrics of an epoch in two calls; a table with
one row per call is half empty and every reader has to merge it again.
"""

import csv
import io
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import final

from lightning.fabric.utilities.rank_zero import rank_zero_only
from torch import Tensor

from triptych.errors import FolderVanished, InvalidSetting
from triptych.folders import require_writable
from triptych.result import write_whole
from triptych.tracking.folder_logger import FolderLogger

FILE = "metrics.csv"
Rows = dict[int, dict[str, str]]

# A write may take this share of the time, so that a long table does not slow training down.
WRITING_SHARE = 0.05


def merge(rows: Rows, step: int, cells: Mapping[str, str]) -> None:
    """Adds cells to the row of their step; where both have a value the newer one stays."""
    rows.setdefault(step, {}).update(cells)


def to_text(rows: Rows) -> str:
    r"""The table: `step` first, `epoch` second, the others sorted, blanks where missing.

    >>> to_text({3: {"val/acc": "0.5", "epoch": "0"}, 1: {"lr": "0.1"}})
    'step,epoch,lr,val/acc\n1,,0.1,\n3,0,,0.5\n'
    """
    names = sorted({name for cells in rows.values() for name in cells} - {"epoch"})
    target = io.StringIO(newline="")
    table = csv.writer(target, lineterminator="\n")
    table.writerow(["step", "epoch", *names])
    for step in sorted(rows):
        table.writerow([step, *(rows[step].get(name, "") for name in ("epoch", *names))])
    return target.getvalue()


def from_text(text: str) -> Rows:
    """The rows of a table that `to_text` wrote. Blanks are left out.

    Raises:
        ValueError: if a row has no whole number in the column `step`.
    """
    rows: Rows = {}
    for cells in csv.DictReader(io.StringIO(text, newline="")):
        step = int(cells.pop("step", "no column `step`"))
        merge(rows, step, {name: value for name, value in cells.items() if value})
    return rows


def to_cell(value: float | Tensor) -> str:
    """A number as text that reads back as the same number.

    >>> to_cell(3), to_cell(0.1), to_cell(math.nan)
    ('3', '0.1', 'nan')
    """
    number = value.item() if isinstance(value, Tensor) else value
    return str(number) if isinstance(number, int) else repr(float(number))


@final
class CsvLogger(FolderLogger):
    """Writes `<folder>/metrics.csv`, always as a whole file, from rank 0 only.

    The file is the only memory: a write merges the new rows into what is on disk. So a resumed
    run, or a test stage in another process, adds to the curve of the training.

    Args:
        folder: where the table goes; made if missing.
        every_s: seconds between two writes during training. The end always writes.

    Raises:
        InvalidSetting: if the folder cannot be written to or holds another kind of `metrics.csv`.
    """

    def __init__(self, folder: str | Path, every_s: float = 1.0) -> None:
        super().__init__()
        self._file = Path(folder) / FILE
        self._every_s = every_s
        self._pending: Rows = {}
        self._last_step = 0
        self._next_write = -math.inf
        self._check()

    @rank_zero_only
    def _check(self) -> None:
        require_writable(self._file.parent, "logger.csv.folder")
        try:
            self._read()
        except ValueError as error:
            raise InvalidSetting(
                f"logger.csv.folder: {self._file} is no table of steps ({error}): move it away"
            ) from error

    def _read(self) -> Rows:
        if not self._file.exists():
            return {}
        with self._file.open(encoding="utf-8", newline="") as source:
            return from_text(source.read())

    @property
    def save_dir(self) -> str:
        """The folder of the table."""
        return str(self._file.parent)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float | Tensor], step: int | None = None) -> None:
        """Merges metrics into the row of their step; without a step, into the latest row."""
        self._last_step = self._last_step if step is None else step
        cells = {name: to_cell(value) for name, value in metrics.items() if name != "step"}
        merge(self._pending, self._last_step, cells)

    def pending(self) -> Rows:
        """A copy of the rows that are not on disk yet."""
        return {step: dict(cells) for step, cells in self._pending.items()}

    @rank_zero_only
    def save(self) -> None:
        """Writes the table unless it was written a moment ago. Lightning calls this often."""
        if time.monotonic() >= self._next_write:
            self._write()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Writes what is left, whatever the status of the run."""
        self._write()

    def _write(self) -> None:
        if not self._pending:
            return
        if self._next_write > -math.inf and not self._file.exists():
            raise FolderVanished(self._file)
        start = time.monotonic()
        rows = self._read()
        for step, cells in self._pending.items():
            merge(rows, step, cells)
        write_whole(self._file, to_text(rows))
        self._pending.clear()
        end = time.monotonic()
        self._next_write = end + max(self._every_s, (end - start) / WRITING_SHARE)

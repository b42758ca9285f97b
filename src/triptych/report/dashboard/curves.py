"""The curve of a run, as far as it has come: `metrics.csv` row by row, and what is kept of it."""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from triptych.report.runs import CURVES

Column = tuple[float | None, ...]
MOST_POINTS = 200
FEWEST_POINTS = 20
# Numbers of all curves of a page together: about five bytes each, so half of a page's size.
MOST_NUMBERS = 700_000


@final
@dataclass(frozen=True)
class Curve:
    """Columns of equal length, by the key of their metric; None where nothing was logged.

    Attributes:
        steps: the optimizer step of each row.
    """

    steps: tuple[int, ...]
    columns: Mapping[str, Column]

    def last(self, key: str) -> float | None:
        """The value that was logged last."""
        known = self._known(key)
        return known[-1] if known else None

    def most(self, key: str) -> float | None:
        """The largest value."""
        return max(self._known(key), default=None)

    def least(self, key: str) -> float | None:
        """The smallest value."""
        return min(self._known(key), default=None)

    def only(self, keys: Iterable[str]) -> "Curve":
        """The rows in which one of these keys has a value, with these columns alone."""
        kept = [key for key in keys if key in self.columns]
        rows = [
            place
            for place in range(len(self.steps))
            if any(self.columns[key][place] is not None for key in kept)
        ]
        return self._rows(rows, kept)

    def thinned(self, stride: int, with_last: bool) -> "Curve":
        """Every `stride`-th row, counted from the first; `with_last` keeps the last one too."""
        rows = list(range(0, len(self.steps), stride))
        if with_last and rows and rows[-1] != len(self.steps) - 1:
            rows.append(len(self.steps) - 1)
        return self._rows(rows, self.columns)

    def _known(self, key: str) -> list[float]:
        return [value for value in self.columns.get(key, ()) if value is not None]

    def _rows(self, rows: Sequence[int], keys: Iterable[str]) -> "Curve":
        columns = {key: tuple(self.columns[key][place] for place in rows) for key in keys}
        return Curve(tuple(self.steps[place] for place in rows), columns)


def read_curve(folder: Path) -> Curve:
    """What has been logged so far, empty if nothing; rows that are no whole row are left out."""
    file = folder / CURVES
    if not file.is_file():
        return Curve((), {})
    text = file.read_text(encoding="utf-8", errors="replace")
    whole = text[: text.rfind("\n") + 1]  # the end of a line that is being written is no number
    head, *rows = [cells for cells in csv.reader(whole.splitlines()) if cells] or [[]]
    if "step" not in head:
        return Curve((), {})
    at = head.index("step")
    good = [cells for cells in rows if len(cells) == len(head) and cells[at].isdigit()]
    columns = {
        key: tuple(_number(cells[place]) for cells in good)
        for place, key in enumerate(head)
        if place != at
    }
    return Curve(tuple(int(cells[at]) for cells in good), columns)


def most_points(columns: int) -> int:
    """How many points each of so many columns may have on one page."""
    return max(FEWEST_POINTS, min(MOST_POINTS, MOST_NUMBERS // max(1, columns)))


def stride(lengths: Iterable[int], points: int) -> int:
    """The step between rows that leaves the longest curve no more points than allowed.

    >>> stride([100, 450], 200), stride([], 200)
    (3, 1)
    """
    return max(1, math.ceil(max(lengths, default=0) / points))


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None

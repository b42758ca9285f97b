"""Numbers as a page needs them: short, and null where there is none."""

import math
from typing import Any

from triptych.result import with_floats

DIGITS = 5


def short(value: float | None) -> float | int | None:
    """A number with as many digits as anybody sees; None for what is no finite number.

    >>> short(0.123456789), short(1345536000.0), short(float("nan"))
    (0.12346, 1345500000, None)
    """
    if value is None or not math.isfinite(value):
        return None
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def shortened(node: Any) -> Any:
    """The same for all numbers of plain content; whole numbers stay as they are."""
    return with_floats(node, short)

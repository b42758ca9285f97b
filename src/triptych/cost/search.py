"""Searches among widths by halving: pure functions of what one width costs."""

from collections.abc import Callable, Sequence
from functools import cache


def crossing(
    below: Callable[[int], bool], widths: Sequence[int], start: int, fineness: float = 0.0
) -> tuple[int | None, int | None]:
    """The widths between which a predicate turns from true to false.

    Args:
        below: true up to some width, then false.
        widths: ascending.
        start: where to look first, an index into `widths`. From there the search doubles or halves
            the index until it has passed the place, so nothing is tried that is much wider.
        fineness: how far apart the two may be, as a share of the index of the narrower one; 0 for
            neighbours.

    Returns:
        The wider one of those where it is true, None if it nowhere is; the narrower one of
        those where it is false, None if it nowhere is.

    >>> crossing(lambda width: width * width <= 40, range(2, 100), start=50)
    (6, 7)
    """
    low, high, at = -1, len(widths), start
    while low < at < high:
        if below(widths[at]):
            low, at = at, 2 * at + 1
        else:
            high, at = at, at // 2
    while high - low > max(1, int(fineness * low)):
        middle = (low + high) // 2
        if below(widths[middle]):
            low = middle
        else:
            high = middle
    return (
        widths[low] if low >= 0 else None,
        widths[high] if high < len(widths) else None,
    )


def nearest(
    cost: Callable[[int], float], budget: float, widths: Sequence[int], start: int
) -> tuple[int, float]:
    """The width whose cost is nearest to a budget, and that cost.

    Args:
        cost: of a width; must not fall with it. Each width is asked for once.
        widths: ascending.
        start: as in `crossing`.

    >>> nearest(lambda width: width * width, 40, range(2, 100), start=50)
    (6, 36)
    """
    known = cache(cost)
    around = crossing(lambda width: known(width) <= budget, widths, start)
    found = (width for width in around if width is not None)
    return min(((width, known(width)) for width in found), key=lambda pair: abs(pair[1] - budget))

"""Which measured cells a request is near, and how far it lies outside of what was measured."""

import math
from collections.abc import Iterable, Sequence

from triptych.report.advice.cells import Cell
from triptych.report.advice.task import AXES, Task

REACH = 4.0
"""A cell is no evidence where one of its numbers is further from the request by this factor."""

_EQUAL = 1e-9


def factors(asked: Task, measured: Task) -> dict[str, float] | None:
    """By what factor each number that is asked for is above or below the measured one, at least 1;
    None where one of them is not known.

    >>> factors(Task(2000, 32, 2, None), Task(500, 32, 2, 16))
    {'samples': 4.0, 'features': 1.0, 'classes': 1.0}
    """
    known = measured.known
    if not asked.known.keys() <= known.keys():
        return None
    pairs = ((name, value, known[name]) for name, value in asked.known.items())
    return {name: max(mine / theirs, theirs / mine) for name, mine, theirs in pairs}


def distance(asked: Task, measured: Task) -> float:
    """Of the logarithms of what is asked for; infinite where one of the numbers is not known."""
    found = factors(asked, measured)
    return math.hypot(*map(math.log, found.values())) if found else math.inf


def is_near(asked: Task, measured: Task) -> bool:
    """Whether all numbers are within reach."""
    found = factors(asked, measured)
    return bool(found) and max(found.values()) <= REACH


def nearest(asked: Task, cells: Iterable[Cell]) -> list[Cell]:
    """The nearest of those within reach; all that are equally near."""
    near = [cell for cell in cells if is_near(asked, cell.task)]
    if not near:
        return []
    least = min(distance(asked, cell.task) for cell in near)
    return [cell for cell in near if distance(asked, cell.task) <= least + _EQUAL]


def measured_ranges(cells: Sequence[Cell]) -> dict[str, tuple[int, int]]:
    """The lowest and the highest number of each axis, where any is known."""
    found = {axis: [c.task.known[axis] for c in cells if axis in c.task.known] for axis in AXES}
    return {axis: (min(values), max(values)) for axis, values in found.items() if values}


def outside(asked: Task, cells: Sequence[Cell]) -> dict[str, float]:
    """By what factor each number that is asked for lies outside of its range; 1 inside.

    >>> outside(Task(100, None, None, None), [])
    {}
    """
    ranges = measured_ranges(cells)
    return {
        axis: max(1.0, value / ranges[axis][1], ranges[axis][0] / value)
        for axis, value in asked.known.items()
        if axis in ranges
    }

import math

import pytest

from triptych.report.advice import Budget, Task, evidence
from triptych.report.advice.nearest import (
    REACH,
    distance,
    factors,
    is_near,
    measured_ranges,
    nearest,
    outside,
)

from .made import TASK, cell


def cells(**tasks: Task):
    rows = [row for name, task in tasks.items() for row in cell(name, "moe", task=task)]
    return evidence(rows, Budget())


def test_being_twice_as_much_is_as_far_as_being_half_as_much():
    assert factors(TASK, Task(2000, 32, 2, 4)) == factors(TASK, Task(500, 32, 2, 4))
    assert distance(TASK, Task(2000, 64, 2, 4)) == pytest.approx(math.sqrt(2) * math.log(2))


def test_a_number_that_is_not_asked_for_does_not_count():
    asked = Task(1000, 32, 2, None)
    assert distance(asked, TASK) == 0
    assert distance(asked, Task(1000, 32, 2, None)) == 0


@pytest.mark.parametrize("axis", range(4))
def test_a_number_that_is_asked_for_and_not_known_is_out_of_reach(axis):
    numbers = [1000, 32, 2, 4]
    known = Task(*[None if place == axis else n for place, n in enumerate(numbers)])
    assert not is_near(TASK, known)
    assert distance(TASK, known) == math.inf


def test_reach_ends_at_its_factor():
    assert REACH == 4
    assert is_near(TASK, Task(4000, 32, 2, 4))
    assert not is_near(TASK, Task(4001, 32, 2, 4))
    assert is_near(TASK, Task(4000, 128, 8, 16)), "each number is judged alone"


def test_all_cells_that_are_equally_near_are_nearest():
    found = nearest(
        TASK,
        cells(a=Task(2000, 32, 2, 4), b=Task(500, 32, 2, 4), c=Task(2001, 32, 2, 4)),
    )
    assert [one.name for one in found] == ["a", "b"]


def test_the_nearest_beyond_reach_is_none():
    assert nearest(TASK, cells(a=Task(1000, 32, 2, 100))) == []


def test_outside_is_a_factor_beyond_the_range():
    measured = cells(a=Task(100, 32, 2, None), b=Task(1000, 32, 2, 8))
    assert measured_ranges(measured)["samples"] == (100, 1000)
    assert outside(Task(50, 64, 2, 4), measured) == {
        "samples": 2.0,
        "features": 2.0,
        "classes": 1.0,
        "rules": 2.0,
    }

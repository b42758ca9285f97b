"""The rule: what it names, and what it never names."""

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.report.advice import Budget, Measured, Task, advise, evidence
from triptych.report.advice.nearest import is_near

from .made import PANELS, TASK, cell, row

numbers = st.sampled_from([1, 2, 3, 30])
tasks = st.builds(Task, numbers, numbers, numbers, st.one_of(st.none(), numbers))
arms = st.builds(
    lambda number, panel, mean, flops, control: row(
        f"cell {number}", panel, mean, flops=flops, control=control
    ),
    st.integers(0, 2),
    st.sampled_from(PANELS),
    st.sampled_from([0.5, 0.7, 0.702, 0.9]),
    st.sampled_from([10.0, 100.0, 1000.0]),
    st.booleans(),
)


@st.composite
def tables(draw) -> list[Measured]:
    """Arms of several studies and cells, each cell with its own task."""
    places = draw(st.lists(tasks, min_size=3, max_size=3))
    found: list[Measured] = []
    for number, arm in enumerate(draw(st.lists(arms, max_size=24))):
        task = places[int(arm.cell[-1])]
        found.append(replace(arm, arm=f"{arm.panel} {number}", task=task))
    return found


def asked_of(rows, asked, budget):
    return advise(asked, evidence(rows, budget))


@settings(max_examples=30, deadline=None)
@given(tables(), tasks, st.sampled_from([10.0, 100.0, 1e9]))
def test_every_panel_that_is_named_was_measured_near_the_request_within_the_budget(
    rows, asked, most
):
    given_ = asked_of(rows, asked, Budget(flops=most))
    for group in given_.groups:
        for named in group.best:
            assert named in rows
            assert named.flops <= most
            assert not named.control
            assert is_near(asked, named.task)
            assert group.rules in (None, named.task.rules, asked.rules)


@settings(max_examples=20, deadline=None)
@given(tables(), tasks, st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(rows, asked, seed):
    mixed = list(rows)
    Random(seed).shuffle(mixed)
    assert asked_of(mixed, asked, Budget()) == asked_of(rows, asked, Budget())


@settings(max_examples=20, deadline=None)
@given(tables(), tasks, st.sampled_from(["samples", "features", "classes", "rules"]))
def test_a_request_that_is_far_in_one_number_gets_no_evidence(rows, asked, axis):
    far = asked_of(rows, replace(asked, **{axis: 4001}), Budget())
    assert (far.kind, far.panels) == ("no evidence", ())


def test_the_nearest_cell_decides():
    near, far = replace(TASK, samples=900), replace(TASK, samples=500)
    rows = [*cell("near", "sparse", task=near), *cell("far", "moe", task=far)]
    found = asked_of(rows, TASK, Budget())
    assert (found.kind, found.panels) == ("advice", ("sparse",))
    assert [one.name for group in found.groups for one in group.cells] == ["near"]


def test_rules_that_are_not_told_and_matter_are_asked_for():
    one, many = replace(TASK, rules=1), replace(TASK, rules=32)
    rows = [*cell("K=1", "dense", task=one), *cell("K=32", "moe", task=many)]
    found = asked_of(rows, replace(TASK, rules=None), Budget())
    assert (found.kind, found.panels) == ("depends", ())
    assert [(g.rules, g.panels) for g in found.groups] == [(1, ("dense",)), (32, ("moe",))]
    assert asked_of(rows, replace(TASK, rules=30), Budget()).panels == ("moe",)


def test_rules_that_are_not_told_and_do_not_matter_are_not_asked_for():
    one, many = replace(TASK, rules=1), replace(TASK, rules=32)
    rows = [*cell("K=1", "moe", task=one), *cell("K=32", "moe", task=many)]
    found = asked_of(rows, replace(TASK, rules=None), Budget())
    assert (found.kind, found.panels) == ("advice", ("moe",))


def test_equally_near_cells_that_contradict_each_other_give_no_answer():
    found = asked_of([*cell("a", "moe"), *cell("b", "dense")], TASK, Budget())
    assert (found.kind, found.panels) == ("depends", ())
    assert found.groups[0].best == ()


def test_a_panel_must_be_behind_in_none_of_equally_near_cells():
    """Sparse was measured in one of them only, and is behind there."""
    first = [row("a", "dense", 0.9), row("a", "moe", 0.9), row("a", "sparse", 0.5)]
    second = [row("b", "dense", 0.5), row("b", "moe", 0.9)]
    assert asked_of([*first, *second], TASK, Budget()).panels == ("moe",)

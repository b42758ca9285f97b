"""Routes of families to experts, as shares."""

import pytest

from triptych.evaluations import Evaluation
from triptych.report.dashboard.heats import cells, evenly, heat_of, most_evaluations

ROUTING = [{"layer": "block_0", "topk_by_family": [[1, 3], [0, 0]]}]


def test_shares_of_a_family_are_in_thousandths_and_zero_without_routes():
    found = heat_of([Evaluation("val", 5, {"routing": ROUTING})], {}, "routing")
    layers = [{"layer": "block_0", "shares": [[250, 750], [0, 0]]}]
    assert found == [{"split": "val", "step": 5, "layers": layers}]
    assert cells(found) == 4


def test_a_run_that_kept_no_evaluations_has_its_last_test():
    assert heat_of([], {"routing": ROUTING}, "routing")[0]["split"] == "test"
    assert heat_of([Evaluation("val", 5, {})], {}, "routing") == []


@pytest.mark.parametrize("table", [None, 3, [None], [{"layer": "a"}]])
def test_what_is_no_routing_is_left_out(table):
    assert heat_of([Evaluation("val", 5, {"routing": table})], {}, "routing") == []


def test_few_are_kept_of_many_with_both_ends():
    steps = [{"step": step} for step in range(100)]
    kept = [one["step"] for one in evenly(steps, 25)]
    assert (len(kept), kept[0], kept[-1]) == (25, 0, 99)
    assert evenly(steps[:3], 25) == steps[:3]
    assert (most_evaluations(1), most_evaluations(10**9)) == (25, 3)

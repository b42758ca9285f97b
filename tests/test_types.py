from hypothesis import given
from hypothesis import strategies as st

from triptych.types import Cost

COSTS = st.builds(Cost, *[st.integers(0, 1000)] * 4)


@given(COSTS, COSTS)
def test_costs_add_up_field_by_field(a, b):
    pairs = zip(vars(a).values(), vars(b).values(), vars(a + b).values(), strict=True)
    assert all(x + y == total for x, y, total in pairs)
    assert a + Cost() == a


@given(COSTS, st.floats(0, 1))
def test_a_part_that_few_samples_meet_exists_in_full(cost, share):
    used = cost.used(share)
    assert used.params_total == cost.params_total
    assert used.params_active == cost.params_active * share
    assert (used.flops, used.flops_executed) == (cost.flops * share, cost.flops_executed * share)

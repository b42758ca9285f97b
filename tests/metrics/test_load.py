import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from triptych.metrics import dead_experts, gini, max_load, normalised_entropy

LOADS = st.lists(st.integers(0, 1000), min_size=1, max_size=12).map(torch.tensor)


@pytest.mark.parametrize("n", [1, 2, 8])
def test_an_even_load_has_gini_zero_and_entropy_and_maximum_one(n):
    """Slide 10: its formula gave -.125 for eight even experts."""
    load = torch.full((n,), 7)
    assert gini(load) == pytest.approx(0, abs=1e-12)
    assert normalised_entropy(load) == pytest.approx(1)
    assert max_load(load) == 1
    assert dead_experts(load) == 0


@pytest.mark.parametrize("n", [2, 8])
def test_a_load_on_one_expert_has_the_extreme_values(n):
    load = torch.zeros(n, dtype=torch.long)
    load[n // 2] = 9
    assert gini(load) == pytest.approx((n - 1) / n)
    assert normalised_entropy(load) == pytest.approx(0)
    assert max_load(load) == n
    assert dead_experts(load) == n - 1


@given(LOADS)
def test_gini_is_half_the_relative_mean_absolute_difference(load):
    x = load.double()
    if x.sum() == 0:
        assert gini(load) == 0
    else:
        pairs = (x[:, None] - x[None]).abs().sum()
        assert gini(load) == pytest.approx(float(pairs / (2 * len(x) * x.sum())), abs=1e-12)


@given(LOADS, st.integers(2, 50), st.randoms(use_true_random=False))
def test_only_the_proportions_of_a_load_count(load, factor, random):
    order = list(range(len(load)))
    random.shuffle(order)
    for measure in (gini, normalised_entropy, max_load):
        value = measure(load)
        assert measure(load[order] * factor) == pytest.approx(value, abs=1e-9)


@given(LOADS)
def test_all_measures_stay_in_their_ranges(load):
    n = len(load)
    assert -1e-12 <= gini(load) <= (n - 1) / n + 1e-12
    assert -1e-12 <= normalised_entropy(load) <= 1 + 1e-12
    assert dead_experts(load) == load.tolist().count(0)
    if load.sum() > 0:
        assert 1 - 1e-12 <= max_load(load) <= n + 1e-12


def test_the_entropy_of_a_small_case():
    # Shares 1/2, 1/4, 1/4, 0: 1.5 bit of 2.
    assert normalised_entropy(torch.tensor([2, 1, 1, 0])) == pytest.approx(0.75)


def test_a_load_of_no_tokens_is_no_error():
    empty = torch.zeros(4, dtype=torch.long)
    values = (gini(empty), normalised_entropy(empty), max_load(empty), dead_experts(empty))
    assert values == (0, 0, 0, 4)

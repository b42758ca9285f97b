import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.report.resampling import (
    bootstrap_mean,
    interquartile_mean,
    probability_of_improvement,
    wilcoxon,
)


def test_the_interval_of_a_mean_holds_it_about_as_often_as_it_says():
    """For 20 normal values a bootstrap interval of 95 % holds the mean in about 93 % of cases."""
    rng = np.random.default_rng(0)
    found = [bootstrap_mean(list(rng.normal(3.0, 1.0, 20))) for _ in range(200)]
    held = sum(b.low <= 3.0 <= b.high for b in found)
    assert 0.87 < held / 200 < 0.98


def test_without_spread_the_interval_is_the_value_and_one_value_has_none():
    assert vars(bootstrap_mean([0.5] * 4)) == {"value": 0.5, "low": 0.5, "high": 0.5}
    alone = bootstrap_mean([0.5])
    assert alone.value == 0.5
    assert math.isnan(alone.low)
    assert math.isnan(bootstrap_mean([]).value)


@pytest.mark.parametrize("n", [4, 6, 8])
def test_signed_ranks_of_n_differences_on_one_side_have_the_smallest_p_there_is(n):
    """All n signs equal: 2 of 2^n equally probable patterns."""
    assert wilcoxon([0.1 * (i + 1) for i in range(n)]) == pytest.approx(2.0 ** (1 - n))


def test_signed_ranks_of_nothing_say_nothing():
    assert wilcoxon([0.0, 0.0]) == 1.0
    assert math.isnan(wilcoxon([]))


def test_signed_ranks_on_a_case_counted_by_hand():
    """Ranks 1, 2, 3 and 4, the 2 negative: negative ranks sum to 2, as they do in 1 of 16 patterns,
    and to less in 2: p = 2 * 3 / 16."""
    assert wilcoxon([1.0, -2.0, 3.0, 4.0]) == pytest.approx(6 / 16)


def test_the_middle_half_is_what_is_averaged():
    scores = {"a": [0.0, 0.4], "b": [0.5, 0.6, 0.7, 0.8], "c": [0.9, 100.0]}
    found = interquartile_mean(scores)
    assert found.value == pytest.approx((0.5 + 0.6 + 0.7 + 0.8) / 4)
    assert found.low <= found.value <= found.high


def test_runs_are_resampled_within_their_task():
    """Tasks without any spread leave nothing to draw, however unlike they are."""
    found = interquartile_mean({"a": [0.0] * 3, "b": [1.0] * 3})
    assert found.low == found.value == found.high


values = st.lists(st.integers(0, 4).map(float), min_size=1, max_size=6)


@given(first=st.dictionaries(st.sampled_from("abc"), values, min_size=1), second=values)
def test_improvement_is_counted_over_all_pairs_of_runs_with_ties_halved(first, second):
    other = dict.fromkeys("ab", second)
    shared = [task for task in first if task in other]
    found = probability_of_improvement(first, other)
    if not shared:
        assert math.isnan(found.value)
        return
    by_task = [
        np.mean([1.0 if a > b else 0.5 if a == b else 0.0 for a in first[t] for b in other[t]])
        for t in shared
    ]
    assert found.value == pytest.approx(np.mean(by_task))
    assert found.low - 1e-9 <= found.value <= found.high + 1e-9 or len(second) == 1


def test_a_sure_improvement_is_sure():
    found = probability_of_improvement({"a": [0.9, 0.8]}, {"a": [0.1, 0.2]})
    assert vars(found) == {"value": 1.0, "low": 1.0, "high": 1.0}

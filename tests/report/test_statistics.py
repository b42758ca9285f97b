import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from triptych.report.statistics import (
    equivalence,
    holm,
    paired_difference,
    paired_power,
    smallest_detectable,
)

FIRST = {0: 0.90, 1: 0.93, 2: 0.91, 3: 0.95}
SECOND = {0: 0.89, 1: 0.90, 2: 0.91, 3: 0.91}


def p_values(samples: np.ndarray, centre: float, alternative: str) -> np.ndarray:
    """Of one-sample t tests along the last axis."""
    return np.asarray(stats.ttest_1samp(samples, centre, axis=-1, alternative=alternative))[1]


def test_the_paired_difference_agrees_with_scipy():
    found = paired_difference(FIRST, SECOND)
    expected = stats.ttest_rel(list(FIRST.values()), list(SECOND.values()))
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    # (0.01 + 0.03 + 0.00 + 0.04) / 4
    assert (found.n, found.mean) == (4, pytest.approx(0.02))


def test_only_common_seeds_are_paired():
    found = paired_difference({0: 0.5, 1: 0.6, 7: 0.0}, {9: 1.0, 1: 0.5, 0: 0.5})
    # Seeds 0 and 1: differences 0.0 and 0.1, so sd = 0.1 / sqrt(2); t(0.975, 1) = 12.706.
    assert (found.n, found.mean) == (2, pytest.approx(0.05))
    assert found.sd == pytest.approx(0.1 / math.sqrt(2))
    assert found.high - found.mean == pytest.approx(12.7062 * 0.05, rel=1e-4)


def test_one_seed_has_a_mean_and_nothing_else():
    found = paired_difference({3: 0.5}, {3: 0.4})
    assert (found.n, found.mean) == (1, pytest.approx(0.1))
    assert all(math.isnan(value) for value in (found.sd, found.low, found.high, found.p))


def test_no_common_seed_has_nothing():
    found = paired_difference({0: 0.5}, {1: 0.4})
    assert found.n == 0
    assert math.isnan(found.mean)


def test_equal_differences_have_no_spread_even_after_rounding():
    # 0.3 - 0.2 and 0.2 - 0.1 differ in the last bit.
    found = paired_difference({0: 0.3, 1: 0.2}, {0: 0.2, 1: 0.1})
    assert (found.sd, found.p) == (0.0, 0.0)
    assert found.low == found.high == found.mean
    assert paired_difference({0: 0.3, 1: 0.2}, {0: 0.3, 1: 0.2}).p == 1.0


@pytest.mark.parametrize("n", [3, 5, 10, 40])
def test_power_agrees_with_the_noncentral_t(n):
    effect = 0.5
    critical = stats.t.ppf(0.975, n - 1)
    shift = effect * math.sqrt(n) / 0.9
    expected = stats.nct.sf(critical, n - 1, shift) + stats.nct.cdf(-critical, n - 1, shift)
    assert paired_power(effect, 0.9, n) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_the_smallest_detectable_difference_is_found_in_four_of_five_simulated_studies(n):
    sd, rounds = 0.004, 20_000
    effect = smallest_detectable(sd, n)
    samples = np.random.default_rng(n).normal(effect, sd, size=(rounds, n))
    found = (p_values(samples, 0.0, "two-sided") < 0.05).mean()
    # Three standard errors of a share of 0.8 in 20,000 rounds.
    assert found == pytest.approx(0.8, abs=3 * math.sqrt(0.16 / rounds))


def test_the_smallest_detectable_difference_agrees_with_published_tables():
    # Paired t test, alpha 0.05, power 0.8: d = 0.5 needs n = 34 (Cohen's tables; G*Power).
    assert smallest_detectable(1.0, 34) <= 0.5 < smallest_detectable(1.0, 33)


def test_nothing_is_detectable_with_one_seed_and_everything_without_spread():
    assert math.isnan(smallest_detectable(0.1, 1))
    assert math.isnan(smallest_detectable(math.nan, 5))
    assert smallest_detectable(0.0, 3) == 0.0


def test_equivalence_is_the_larger_of_two_one_sided_tests():
    paired = paired_difference(FIRST, SECOND)
    differences = np.array(list(FIRST.values())) - np.array(list(SECOND.values()))
    below = p_values(differences, 0.05, "less")
    above = p_values(differences, -0.05, "greater")
    found = equivalence(paired, margin=0.05)
    assert found.p == pytest.approx(max(below, above))
    assert found.shown == (max(below, above) < 0.05)


def test_equivalence_is_not_shown_by_one_seed():
    found = equivalence(paired_difference({0: 0.5}, {0: 0.5}))
    assert math.isnan(found.p)
    assert not found.shown


@pytest.mark.parametrize(("gap", "shown"), [(0.0, True), (0.002, True), (0.01, False)])
def test_equivalence_without_spread_compares_with_the_margin(gap, shown):
    paired = paired_difference({0: 0.5 + gap, 1: 0.6 + gap}, {0: 0.5, 1: 0.6})
    assert equivalence(paired, margin=0.003).shown is shown


def test_holm_steps_down():
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, then never falling.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_leaves_out_what_has_no_p_value():
    assert holm([0.02, math.nan, 0.04]) == pytest.approx([0.04, math.nan, 0.04], nan_ok=True)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_lowers_a_p_value_nor_changes_the_order(p_values):
    adjusted = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(np.array(adjusted)[order]) >= 0)

"""Statistics of paired runs: interval, smallest detectable effect, equivalence, Holm. All pure."""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

NAN = float("nan")
# Differences of shares closer than this are equal: only rounding tells them apart.
_ROUNDING = 1e-12
# Enough for five digits of a power.
_QUANTILES = 4000


@dataclass(frozen=True)
class Paired:
    """A difference paired by seed: its mean, its sd over seeds, its t interval, its p value.

    NaN stands for what cannot be said: all of it for n = 0, all but the mean for n = 1.
    """

    n: int
    mean: float
    sd: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided t tests: `p` is the larger one, `shown` whether both reject."""

    margin: float
    p: float
    shown: bool


def paired_difference(
    first: Mapping[int, float], second: Mapping[int, float], confidence: float = 0.95
) -> Paired:
    """first - second over their common seeds, with the two-sided paired t test.

    Without spread (all differences equal) the interval is that one value and p is its limit:
    0, or 1 if the difference is 0.
    """
    differences = np.array([first[seed] - second[seed] for seed in sorted(first.keys() & second)])
    n = len(differences)
    if n < 2:
        return Paired(n, float(differences[0]) if n else NAN, NAN, NAN, NAN, NAN)
    mean = float(differences.mean())
    if np.ptp(differences) < _ROUNDING:
        return Paired(n, mean, 0.0, mean, mean, 1.0 if abs(mean) < _ROUNDING else 0.0)
    sd = float(differences.std(ddof=1))
    error = sd / math.sqrt(n)
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, n - 1))
    return Paired(n, mean, sd, mean - half, mean + half, p)


def paired_power(effect: float, sd: float, n: int, alpha: float = 0.05) -> float:
    """Chance that the two-sided paired t test rejects when the true mean difference is `effect`.

    The noncentral t law as an integral over the quantiles of the sample sd: `scipy.stats.nct`
    gives NaN for n = 2 and some effects.
    """
    freedom = n - 1
    quantiles = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    sd_ratio = np.sqrt(stats.chi2.ppf(quantiles, freedom) / freedom)
    reach = stats.t.ppf(1 - alpha / 2, freedom) * sd_ratio
    shift = effect * math.sqrt(n) / sd
    rejected = stats.norm.sf(reach - shift) + stats.norm.cdf(-reach - shift)
    return float(rejected.mean())


def smallest_detectable(sd: float, n: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """The true mean difference that the paired t test finds with this power; NaN for n < 2."""
    if n < 2 or math.isnan(sd):
        return NAN
    return sd * _detectable_ratio(n, power, alpha)


@functools.cache
def _detectable_ratio(n: int, power: float, alpha: float) -> float:
    """The smallest detectable difference in units of the sd: it depends on n alone."""

    def lacking(effect: float) -> float:
        return paired_power(effect, 1.0, n, alpha) - power

    upper = 1.0
    while lacking(upper) < 0:
        upper *= 2
    return float(optimize.root_scalar(lacking, bracket=(0.0, upper), method="brentq").root)


def equivalence(paired: Paired, margin: float = 0.003, alpha: float = 0.05) -> Equivalence:
    """TOST: is the difference shown to lie within +-margin? Not shown where n < 2."""
    if paired.n < 2:
        return Equivalence(margin, NAN, False)
    if paired.sd == 0.0:
        inside = abs(paired.mean) < margin
        return Equivalence(margin, 0.0 if inside else 1.0, inside)
    error = paired.sd / math.sqrt(paired.n)
    p = float(stats.t.sf((margin - abs(paired.mean)) / error, paired.n - 1))
    return Equivalence(margin, p, p < alpha)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the order given; NaN stays NaN and counts for nothing.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    adjusted = [NAN] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(order):
        highest = max(highest, min(1.0, p * (len(order) - rank)))
        adjusted[place] = highest
    return adjusted

"""What needs no normal law: ranks, resampled intervals, and summaries over several tasks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

NAN = float("nan")
RESAMPLES = 5000

Scores = Mapping[str, Sequence[float]]
"""Scores of the runs of each task."""


@dataclass(frozen=True)
class Bounded:
    """A figure and the interval that resampling gives it."""

    value: float
    low: float
    high: float


def bootstrap_mean(values: Sequence[float], confidence: float = 0.95) -> Bounded:
    """The mean and its percentile bootstrap interval; NaN bounds for fewer than two values.

    With few values it is too narrow (for 6 by almost a third): it stands beside the t interval,
    not in its place.
    """
    data = np.asarray(values, dtype=float)
    if len(data) < 2:
        return Bounded(float(data.mean()) if len(data) else NAN, NAN, NAN)
    means = data[_picks(len(data))].mean(axis=1)
    return _bounded(float(data.mean()), means, confidence)


def wilcoxon(differences: Sequence[float]) -> float:
    """p of the two-sided signed-rank test, exact for few values; 1 where all are 0, NaN for none.

    For n differences p is never below 2^(1 - n): 5 can never reach .05.
    """
    found = [d for d in differences if d != 0]
    if not found:
        return 1.0 if len(differences) else NAN
    p: Any = stats.wilcoxon(found)[1]
    return float(p)


def interquartile_mean(scores: Scores) -> Bounded:
    """The mean of the middle half of all runs of all tasks, with an interval from resampling the
    runs within each task (Agarwal et al. 2021, arXiv 2108.13264, section 4.3).

    Outliers move it less than the mean, and it wastes fewer runs than the median.
    """
    parts = [np.asarray(part, dtype=float) for part in scores.values()]
    value = _middle(np.concatenate(parts)[None])[0]
    drawn = [part[_picks(len(part), stream)] for stream, part in enumerate(parts)]
    return _bounded(float(value), _middle(np.concatenate(drawn, axis=1)), 0.95)


def probability_of_improvement(first: Scores, second: Scores) -> Bounded:
    """How probable it is that a run of `first` beats one of `second` on a task drawn at random,
    ties counted half (Agarwal et al. 2021, arXiv 2108.13264, equation 2).

    Tasks that only one of them has are left out.
    """
    tasks = [task for task in first if task in second]
    if not tasks:
        return Bounded(NAN, NAN, NAN)
    values, drawn = [], []
    for number, task in enumerate(tasks):
        ours, theirs = (np.asarray(side[task], dtype=float) for side in (first, second))
        wins = (np.sign(ours[:, None] - theirs[None, :]) + 1) / 2
        values.append(wins.mean())
        rows, columns = _picks(len(ours), 2 * number), _picks(len(theirs), 2 * number + 1)
        # The mean of the resampled matrix of wins: how often each row and each column is in it.
        left, right = (
            _shares(picks, n) for picks, n in ((rows, len(ours)), (columns, len(theirs)))
        )
        drawn.append(np.einsum("ri,ij,rj->r", left, wins, right))
    return _bounded(float(np.mean(values)), np.mean(drawn, axis=0), 0.95)


def _middle(runs: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R, n) -> (R): the mean without the lowest and the highest quarter, cut at whole runs."""
    return np.asarray(stats.trim_mean(runs, 0.25, axis=1))


def _picks(n: int, stream: int = 0) -> NDArray[np.intp]:
    """(RESAMPLES, n) places drawn with replacement; the same ones every time."""
    return np.random.default_rng((0, stream)).integers(0, n, (RESAMPLES, n))


def _shares(picks: NDArray[np.intp], n: int) -> NDArray[np.float64]:
    return np.stack([(picks == place).mean(axis=1) for place in range(n)], axis=1)


def _bounded(value: float, drawn: NDArray[np.float64], confidence: float) -> Bounded:
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return (
        Bounded(value, float(low), float(high)) if not math.isnan(value) else Bounded(NAN, NAN, NAN)
    )

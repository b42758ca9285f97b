"""Timing many subjects side by side: rounds in random order."""

import random
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from bench_format import FEWEST_ROUNDS

SLOW, LONG = 2.5, 0.2  # times the baseline; seconds

Clock = Callable[[], float]
"""Seconds since any moment."""

Times = dict[str, dict[int, float]]
"""Subject -> round -> seconds."""


def interleaved(
    timers: Mapping[str, Callable[[], float]], rounds: int, baseline: str, shortest: float
) -> Times:
    """Times all subjects in each round, in random order, after two warm-ups.

    Args:
        timers: subject -> a function that does it once and returns the seconds.
        rounds: how many. A subject that is slow beside the baseline, hence far from any goal, is
            timed in few of them.
        baseline: one of the subjects.
        shortest: seconds; subjects that take less are repeated within a round.
    """
    warm = {name: [timer(), timer()][1] for name, timer in timers.items()}
    repeats = {name: max(1, round(shortest / (taken + 1e-9))) for name, taken in warm.items()}
    limit = max(LONG, SLOW * warm[baseline])
    every = {name: rounds // FEWEST_ROUNDS if warm[name] > limit else 1 for name in timers}
    times: Times = {name: {} for name in timers}
    order, dice = list(timers), random.Random(0)
    for turn in range(rounds):
        dice.shuffle(order)
        for name in order:
            if turn % every[name] == 0:
                taken = [timers[name]() for _ in range(repeats[name])]
                times[name][turn] = sum(taken) / len(taken)
    return times


def ratios(times: Times, subject: str, baseline: str) -> list[float]:
    """Subject over baseline, in the rounds that have both."""
    rounds = times[subject].keys() & times[baseline].keys()
    return [times[subject][turn] / times[baseline][turn] for turn in sorted(rounds)]


def fastest(times: Times, names: Sequence[str], baseline: str) -> str:
    """The name with the lowest median ratio to the baseline."""
    return min(names, key=lambda name: median(ratios(times, name, baseline)))

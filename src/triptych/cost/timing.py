"""What calls cost in seconds, measured side by side on the CPU."""

import random
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

ENOUGH = 0.01  # seconds that one timing lasts at least

Step = Callable[[], object]
K = TypeVar("K")


def side_by_side(steps: Mapping[K, Step], rounds: int) -> dict[K, list[float]]:
    """Seconds of each step in each round, after three calls that warm up; they take turns in random
    order, so that what slows the machine down slows all."""
    repeats: dict[K, int] = {}
    for name, step in steps.items():
        once = min(_seconds(step, 1) for _ in range(3))
        repeats[name] = max(1, round(ENOUGH / once))
    times: dict[K, list[float]] = {name: [] for name in steps}
    order, dice = list(steps), random.Random(0)
    for _ in range(rounds):
        dice.shuffle(order)
        for name in order:
            times[name].append(_seconds(steps[name], repeats[name]))
    return times


def _seconds(step: Step, repeats: int) -> float:
    begin = time.perf_counter()
    for _ in range(repeats):
        step()
    return (time.perf_counter() - begin) / repeats

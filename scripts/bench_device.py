"""Timing on a GPU: steps that follow each other as in a training, between two events."""

import math
from collections.abc import Callable

import torch

SHORTEST = 0.01  # seconds that one timing lasts at least


def need_gpu() -> None:
    """Ends the script in one line where there is none."""
    if not torch.cuda.is_available():
        raise SystemExit("this benchmark needs a CUDA device, and torch sees none here")


def in_a_row(step: Callable[[], object], shortest: float = SHORTEST) -> Callable[[], float]:
    """A timer: seconds on the device of one step, of so many that they last `shortest`.

    The host only starts them. Where it is slower than the device, its time is what is measured, as
    it is in a training.
    """
    for _ in range(3):  # compiles, searches, and fills the allocator
        step()
    repeats = max(1, math.ceil(shortest / seconds(step, 1)))
    return lambda: seconds(step, repeats)


def seconds(step: Callable[[], object], repeats: int) -> float:
    """Time on the device of one of `repeats` steps."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    for _ in range(repeats):
        step()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1000 / repeats

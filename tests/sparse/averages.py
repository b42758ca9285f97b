"""What an average of weights with moving places is to be, from the whole history of a matrix."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Shares = Callable[[int], list[float]]
"""How much each of n averaged values counts, the oldest first."""


def equal(n: int) -> list[float]:
    return [1 / n] * n


EQUAL: Shares = equal


def ema(decay: float) -> Shares:
    """The first value is where the average begins."""
    return lambda n: [(1 - decay if k else 1.0) * decay ** (n - 1 - k) for k in range(n)]


def of_last_lives(
    weights: Sequence[Tensor], masks: Sequence[Tensor], averaged: Sequence[bool], shares: Shares
) -> Tensor:
    """The sum of shares times values, of each place since it last came to be.

    Args:
        weights: the dense matrix (O, D) at each point in time.
        masks: the mask then.
        averaged: whether an average was taken then; if never, it is what the first ones were.
        shares: of the values that were averaged.
    """
    times = [time for time, taken in enumerate(averaged) if taken]
    total = torch.zeros_like(weights[0])
    for time, share in zip(times, shares(len(times)), strict=True):
        alive = torch.stack(list(masks[time:])).all(dim=0)
        total += share * torch.where(alive, weights[time], 0.0)
    return total

"""Masks: which weights of a layer exist. Pure functions with an explicit generator."""

import torch
from jaxtyping import Bool
from torch import Tensor

from triptych.errors import InvalidSetting


def live_weights(size: int, sparsity: float) -> int:
    """The number of weights that a layer of `size` keeps: `round((1 - sparsity) * size)`.

    Raises:
        InvalidSetting: if sparsity is outside [0, 1).

    >>> live_weights(1000, 0.8)
    200
    """
    if not 0 <= sparsity < 1:
        raise InvalidSetting(
            f"sparsity must be in [0, 1), got {sparsity}: it is the share of weights left out"
        )
    return round((1 - sparsity) * size)


def uniform_mask(
    d_out: int, d_in: int, sparsity: float, generator: torch.Generator
) -> Bool[Tensor, "O D"]:
    """A mask with exactly `live_weights(...)` entries, each place equally likely.

    Drawn without replacement: a Bernoulli mask of 64 x 64 at 99 % sparsity has a standard
    deviation of 15 % in its number of weights, so two layers would not have equal budgets.
    """
    size = d_out * d_in
    mask = torch.zeros(size, dtype=torch.bool)
    mask[torch.randperm(size, generator=generator)[: live_weights(size, sparsity)]] = True
    return mask.view(d_out, d_in)

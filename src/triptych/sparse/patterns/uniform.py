"""Masks whose places are all equally likely, the same sparsity in every layer."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from triptych.errors import InvalidSetting

Shapes = Sequence[tuple[int, int]]
"""(O, D) of each sparse layer of a net."""

Generators = Sequence[torch.Generator]
"""The random stream of each layer."""

Pattern = Callable[[Shapes, float, Generators], list[Tensor]]
"""(shapes, sparsity, generators) -> a mask (O, D) for each layer."""


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


def scattered(
    d_out: int, d_in: int, weights: int, generator: torch.Generator
) -> Bool[Tensor, "O D"]:
    """A mask with exactly so many weights.

    Drawn without replacement: a Bernoulli mask of 64 x 64 at 99 % sparsity has a standard
    deviation of 15 % in its number of weights, so two layers would not have equal budgets.
    """
    mask = torch.zeros(d_out * d_in, dtype=torch.bool)
    mask[torch.randperm(len(mask), generator=generator)[:weights]] = True
    return mask.view(d_out, d_in)


def uniform_mask(
    d_out: int, d_in: int, sparsity: float, generator: torch.Generator
) -> Bool[Tensor, "O D"]:
    """The mask of one layer, with exactly `live_weights(...)` entries."""
    return scattered(d_out, d_in, live_weights(d_out * d_in, sparsity), generator)


def uniform_masks(
    shapes: Shapes, sparsity: float, generators: Generators
) -> list[Bool[Tensor, "_ _"]]:
    """The same sparsity in every layer, exactly."""
    return [
        uniform_mask(d_out, d_in, sparsity, generator)
        for (d_out, d_in), generator in zip(shapes, generators, strict=True)
    ]

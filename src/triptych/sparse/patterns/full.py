"""Masks without holes, for what chooses weights later."""

import torch
from jaxtyping import Bool
from torch import Tensor

from triptych.sparse.patterns.uniform import Generators, Shapes


def full_masks(
    shapes: Shapes, sparsity: float, generators: Generators
) -> list[Bool[Tensor, "_ _"]]:
    """Every weight exists, whatever the sparsity: a `Start` looks at the dense net, at its first
    weights, and leaves out of it what the sparsity asks for."""
    return [torch.ones(d_out, d_in, dtype=torch.bool) for d_out, d_in in shapes]

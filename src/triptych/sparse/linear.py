"""Sparse linear layers: one meaning, several ways to execute it."""

from abc import ABC, abstractmethod
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from triptych.types import Cost


class SparseLinear(nn.Module, ABC):
    """`y = x W^T + b` where only the weights under a fixed mask exist."""

    mask: Tensor

    @abstractmethod
    def forward(self, x: Float[Tensor, "T D"]) -> Float[Tensor, "T O"]:
        """(T, D) -> (T, O)."""

    @abstractmethod
    def cost(self) -> Cost:
        """What one sample costs, with what this kernel really executes."""

    @property
    def nonzeros(self) -> int:
        """The number of weights that exist (the bias is not counted)."""
        return int(self.mask.sum())

    @property
    def density(self) -> float:
        """Existing weights over all places of the matrix."""
        return self.nonzeros / self.mask.numel()


@final
class MaskedLinear(SparseLinear):
    """The reference kernel: a dense product with the masked weight. It is not faster than dense.

    A masked weight is exactly 0 at the start and stays so: its gradient is 0, and so are the
    optimizer's moments and the weight decay of a zero. `torch.where` rather than a product,
    because a product turns an infinite gradient of a masked weight into NaN.

    Initialised as `nn.Linear` is, but with the fan-in that is left on average:
    U(-1/sqrt(density * D), 1/sqrt(density * D)), which keeps the output's variance.

    Args:
        mask: (O, D), true where a weight exists.
    """

    def __init__(self, mask: Bool[Tensor, "O D"]) -> None:
        super().__init__()
        d_out, d_in = mask.shape
        self.register_buffer("mask", mask)
        bound = (max(self.density, 1 / mask.numel()) * d_in) ** -0.5
        self.weight = nn.Parameter(torch.empty(d_out, d_in).uniform_(-bound, bound) * mask)
        self.bias = nn.Parameter(torch.empty(d_out).uniform_(-bound, bound))

    def forward(self, x: Float[Tensor, "T D"]) -> Float[Tensor, "T O"]:
        """(T, D) -> (T, O)."""
        return F.linear(x, torch.where(self.mask, self.weight, 0.0), self.bias)

    def cost(self) -> Cost:
        """FLOPs of the non-zeros; executed are those of the whole matrix."""
        params = self.nonzeros + self.bias.numel()
        return Cost(params, params, 2 * self.nonzeros, 2 * self.mask.numel())

"""A dense matrix whose every entry is a product of two numbers."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from triptych.errors import InvalidSetting
from triptych.types import Cost


@final
class MultiplicativeDense(nn.Module):
    """`y[s, m] = sum_i x[i] first[i, s] second[i, m] + bias[s, m]`
    (Jaszczur et al. 2021, arXiv 2111.12763, section 3.2): D -> S * M with D (S + M) weights.

    It saves parameters, not products: it multiplies as much as `nn.Linear` does. It can give any
    permutation of its inputs to the S modules, which block-diagonal matrices cannot. Its output
    has the variance of `nn.Linear`'s at the start.

    Args:
        d_in: D.
        modules: S.
        d_module: M, the outputs of a module.

    Raises:
        InvalidSetting: if a number is less than 1.
    """

    def __init__(self, d_in: int, modules: int, d_module: int) -> None:
        super().__init__()
        for name, value in (("d_in", d_in), ("modules", modules), ("d_module", d_module)):
            if value < 1:
                raise InvalidSetting(f"{name} must be at least 1, got {value}")
        # Both factors have the variance (3 D)^(-1/2), so that products have 1 / (3 D).
        bound = (3 / d_in) ** 0.25
        self.first = nn.Parameter(torch.empty(d_in, modules).uniform_(-bound, bound))
        self.second = nn.Parameter(torch.empty(d_in, d_module).uniform_(-bound, bound))
        size = modules * d_module
        self.bias = nn.Parameter(torch.empty(size).uniform_(-(d_in**-0.5), d_in**-0.5))

    def forward(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch O"]:
        """(..., D) -> (..., S * M), module by module."""
        rows, d_module = x.shape[:-1].numel(), self.second.shape[1]
        if rows > d_module:  # the matrix is smaller than what the samples would be spread to
            return F.linear(x, self.matrix(), self.bias)
        spread = x[..., None, :] * self.first.t()  # (..., S, D)
        return (spread @ self.second).flatten(-2) + self.bias

    def matrix(self) -> Float[Tensor, "O D"]:
        """The weight of the `nn.Linear` that this layer is."""
        d_in = len(self.first)
        return (self.first[:, :, None] * self.second[:, None]).view(d_in, -1).t()

    def cost(self) -> Cost:
        """Few parameters, the products of a dense layer."""
        params = self.first.numel() + self.second.numel() + len(self.bias)
        flops = 2 * len(self.first) * len(self.bias)
        return Cost(params, params, flops, flops)

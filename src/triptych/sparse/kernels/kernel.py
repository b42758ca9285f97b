"""What every sparse linear layer means, however it is executed."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from triptych.types import Cost


class SparseLinear(nn.Module, ABC):
    """`y = x W^T + b` where only the weights under a mask exist.

    Initialised as `nn.Linear` is, but with the fan-in that is left on average:
    U(-1/sqrt(density * D), 1/sqrt(density * D)), which keeps the output's variance. All kernels
    draw the same numbers, so that the choice of a kernel changes time and memory alone.
    """

    @abstractmethod
    def forward(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch O"]:
        """(..., D) -> (..., O)."""

    @property
    @abstractmethod
    def mask(self) -> Bool[Tensor, "O D"]:
        """True where a weight exists."""

    @abstractmethod
    def matrix(self) -> Float[Tensor, "O D"]:
        """The weight as a dense matrix, zeros where none exists; a copy without gradient."""

    @abstractmethod
    def cost(self) -> Cost:
        """What one sample costs, with what this kernel really executes."""

    @property
    @abstractmethod
    def nonzeros(self) -> int:
        """The number of weights that exist (the bias is not counted)."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(O, D)."""

    @property
    def density(self) -> float:
        """Existing weights over all places of the matrix."""
        return self.nonzeros / (self.shape[0] * self.shape[1])


def drawn(mask: Bool[Tensor, "O D"]) -> tuple[Float[Tensor, "O D"], Float[Tensor, " O"]]:
    """A first weight, zero outside of the mask, and a first bias."""
    d_out, d_in = mask.shape
    density = max(int(mask.sum()), 1) / mask.numel()
    bound = (density * d_in) ** -0.5
    weight = torch.empty(d_out, d_in).uniform_(-bound, bound)
    return torch.where(mask, weight, 0.0), torch.empty(d_out).uniform_(-bound, bound)

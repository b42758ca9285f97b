"""Kernels that hold the weights that exist, and where they are."""

from abc import ABC
from typing import final

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from triptych.sparse.kernels.stored import Stored


class ValuesAlone(Stored, ABC):
    """The weights that exist are a parameter; nothing is stored or multiplied of the others."""

    values: nn.Parameter
    d_out: int
    d_in: int

    @property
    @final
    def mask(self) -> Bool[Tensor, "O D"]:
        """Made from the indices."""
        return self.spread(torch.ones_like(self.values)) > 0

    @property
    @final
    def weights(self) -> nn.Parameter:
        """The values."""
        return self.values

    @property
    @final
    def nonzeros(self) -> int:
        """The number of values."""
        return self.values.numel()

    @property
    @final
    def shape(self) -> tuple[int, int]:
        """(O, D)."""
        return self.d_out, self.d_in

    @final
    def flops_executed(self) -> int:
        """What exists is what is executed."""
        return 2 * self.nonzeros

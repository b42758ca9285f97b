"""Kernels that hold the whole matrix, and beside it the mask."""

from abc import ABC
from typing import ClassVar, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from triptych.sparse.kernels.stored import Parts, Stored


class UnderMask(Stored, ABC):
    """The weights are a dense parameter (O, D), of which a product sees what is under the mask."""

    parts: ClassVar = {"live": 2, "weight": 2}
    live: Tensor
    weight: nn.Parameter

    def check(self, mask: Bool[Tensor, "O D"]) -> None:
        """Refuses masks that the kernel cannot take; none, unless it says so.

        Raises:
            IncompatibleSettings: naming the remedy.
        """

    @final
    def hold(
        self, mask: Bool[Tensor, "O D"], weight: Float[Tensor, "O D"], bias: Float[Tensor, " O"]
    ) -> None:
        """Begins with these; for constructors."""
        self.check(mask)
        self.register_buffer("live", mask.clone())
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    @property
    @final
    def mask(self) -> Bool[Tensor, "O D"]:
        """The buffer itself."""
        return self.live

    @property
    @final
    def weights(self) -> nn.Parameter:
        """The whole matrix (O, D)."""
        return self.weight

    @final
    def spread(self, laid_out: Tensor) -> Float[Tensor, "O D"]:
        """Masked."""
        return torch.where(self.live, laid_out, 0.0)

    @final
    def pick(self, dense: Float[Tensor, "O D"]) -> Tensor:
        """Masked."""
        return torch.where(self.live, dense, 0.0)

    @final
    def place(self, mask: Bool[Tensor, "O D"]) -> None:
        """Any mask that `check` lets pass."""
        self.check(mask)
        self.live.copy_(mask)

    @staticmethod
    @final
    def read(
        parts: Parts, shape: tuple[int, int]
    ) -> tuple[Bool[Tensor, "O D"], Float[Tensor, "O D"]]:
        """Masked: other kernels have no place for what lives outside of the mask."""
        mask = parts["live"].bool()
        return mask, torch.where(mask, parts["weight"], 0.0)

    @final
    def write(self, mask: Bool[Tensor, "O D"], matrix: Float[Tensor, "O D"]) -> dict[str, Tensor]:
        """As they are, if `check` lets the mask pass."""
        self.check(mask)
        return {"live": mask, "weight": matrix}

    @property
    @final
    def nonzeros(self) -> int:
        """Counted from the mask."""
        return int(self.live.sum())

    @property
    @final
    def shape(self) -> tuple[int, int]:
        """(O, D)."""
        return self.live.shape[0], self.live.shape[1]

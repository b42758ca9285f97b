"""A dense weight of which a product sees only what is under the mask, and backward all."""

from typing import Any, ClassVar, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from triptych.sparse.kernels.kernel import drawn_everywhere
from triptych.sparse.kernels.masked import MaskedLinear
from triptych.sparse.kernels.stored import Parts, Stored
from triptych.types import Cost


@final
class StraightThroughLinear(Stored):
    """A dense product with the masked weight, whose gradient reaches every weight as if there were
    no mask: straight-through estimator, Bengio et al. 2013, arXiv 1308.3432, as Zhou et al. 2021,
    arXiv 2102.04010, eq. 7 have it for N:M sparsity. For `SRSTE`, which chooses masks from the
    weights that it keeps alive. What it computes is sparse; what it trains and stores is dense.

    Args:
        mask: (O, D), true where a weight exists.
    """

    latent = True
    parts: ClassVar = MaskedLinear.parts
    live: Tensor

    def __init__(self, mask: Bool[Tensor, "O D"]) -> None:
        super().__init__()
        self.register_buffer("live", mask.clone())
        weight, bias = drawn_everywhere(mask)
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def product(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch O"]:
        """(..., D) -> (..., O)."""
        masked: Tensor = _Masked.apply(self.weight, self.live)
        return F.linear(x, masked, self.bias)

    @property
    def executes(self) -> str:
        """Always the same."""
        return "straight_through"

    @property
    def mask(self) -> Bool[Tensor, "O D"]:
        """The buffer itself."""
        return self.live

    @property
    def weights(self) -> nn.Parameter:
        """The whole matrix (O, D), also outside of the mask."""
        return self.weight

    def spread(self, laid_out: Tensor) -> Float[Tensor, "O D"]:
        """Masked."""
        return torch.where(self.live, laid_out, 0.0)

    def pick(self, dense: Float[Tensor, "O D"]) -> Tensor:
        """Masked."""
        return torch.where(self.live, dense, 0.0)

    def place(self, mask: Bool[Tensor, "O D"]) -> None:
        """Any mask."""
        self.live.copy_(mask)

    @staticmethod
    def read(
        parts: Parts, shape: tuple[int, int]
    ) -> tuple[Bool[Tensor, "O D"], Float[Tensor, "O D"]]:
        """Masked: other kernels have no place for what lives outside."""
        return MaskedLinear.read(parts, shape)

    def write(self, mask: Bool[Tensor, "O D"], matrix: Float[Tensor, "O D"]) -> dict[str, Tensor]:
        """As they are: outside of the mask weights begin at zero."""
        return {"live": mask, "weight": matrix}

    @property
    def nonzeros(self) -> int:
        """Counted from the mask."""
        return int(self.live.sum())

    @property
    def shape(self) -> tuple[int, int]:
        """(O, D)."""
        return self.live.shape[0], self.live.shape[1]

    def cost(self) -> Cost:
        """Of the net that results; executed is a product with the whole matrix."""
        params = self.nonzeros + self.bias.numel()
        return Cost(params, params, 2 * self.nonzeros, 2 * self.live.numel())


class _Masked(torch.autograd.Function):
    """Forward masked, backward as it comes."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, mask: Tensor) -> Tensor:
        return torch.where(mask, weight, 0.0)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor, None]:
        return grads[0], None

"""A dense weight of which a product sees only what is under the mask, and backward all."""

from typing import Any, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from triptych.sparse.kernels.kernel import drawn_everywhere
from triptych.sparse.kernels.under_mask import UnderMask


@final
class StraightThroughLinear(UnderMask):
    """A dense product with the masked weight, whose gradient reaches every weight as if there were
    no mask: straight-through estimator, Bengio et al. 2013, arXiv 1308.3432, as Zhou et al. 2021,
    arXiv 2102.04010, eq. 7 have it for N:M sparsity. For `SRSTE`, which chooses masks from the
    weights that it keeps alive. What it computes is sparse; what it trains and stores is dense.

    Args:
        mask: (O, D), true where a weight exists.
    """

    latent = True

    def __init__(self, mask: Bool[Tensor, "O D"]) -> None:
        super().__init__()
        self.hold(mask, *drawn_everywhere(mask))

    def product(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch O"]:
        """(..., D) -> (..., O)."""
        masked: Tensor = _Masked.apply(self.weight, self.live)
        return F.linear(x, masked, self.bias)

    @property
    def executes(self) -> str:
        """Always the same."""
        return "straight_through"

    def flops_executed(self) -> int:
        """Those of the whole matrix."""
        return 2 * self.live.numel()


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

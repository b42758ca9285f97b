"""The reference kernel: a dense product with the masked weight."""

from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from triptych.sparse.kernels.kernel import drawn
from triptych.sparse.kernels.under_mask import UnderMask


@final
class MaskedLinear(UnderMask):
    """A dense product with the masked weight. It is not faster than dense.

    A masked weight is exactly 0 at the start and stays so: its gradient is 0, and so are the
    optimizer's moments and the weight decay of a zero. `torch.where` rather than a product,
    because a product turns an infinite gradient of a masked weight into NaN.

    Args:
        mask: (O, D), true where a weight exists.
    """

    def __init__(self, mask: Bool[Tensor, "O D"]) -> None:
        super().__init__()
        self.hold(mask, *drawn(mask))

    def product(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch O"]:
        """(..., D) -> (..., O)."""
        return F.linear(x, torch.where(self.live, self.weight, 0.0), self.bias)

    @property
    def executes(self) -> str:
        """Itself."""
        return "masked"

    def flops_executed(self) -> int:
        """Those of the whole matrix."""
        return 2 * self.live.numel()

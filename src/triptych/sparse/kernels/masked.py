"""The reference kernel: a dense product with the masked weight."""

from typing import ClassVar, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from triptych.sparse.kernels.kernel import drawn
from triptych.sparse.kernels.stored import Parts, Stored
from triptych.types import Cost


@final
class MaskedLinear(Stored):
    """A dense product with the masked weight. It is not faster than dense.

    A masked weight is exactly 0 at the start and stays so: its gradient is 0, and so are the
    optimizer's moments and the weight decay of a zero. `torch.where` rather than a product,
    because a product turns an infinite gradient of a masked weight into NaN.

    Args:
        mask: (O, D), true where a weight exists.
    """

    parts: ClassVar = {"live": 2, "weight": 2}
    live: Tensor

    def __init__(self, mask: Bool[Tensor, "O D"]) -> None:
        super().__init__()
        self.register_buffer("live", mask.clone())
        weight, bias = drawn(mask)
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def product(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch O"]:
        """(..., D) -> (..., O)."""
        return F.linear(x, torch.where(self.live, self.weight, 0.0), self.bias)

    @property
    def mask(self) -> Bool[Tensor, "O D"]:
        """The buffer itself."""
        return self.live

    @property
    def weights(self) -> nn.Parameter:
        """The whole matrix (O, D)."""
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
        """Masked."""
        mask = parts["live"].bool()
        return mask, torch.where(mask, parts["weight"], 0.0)

    def write(self, mask: Bool[Tensor, "O D"], matrix: Float[Tensor, "O D"]) -> dict[str, Tensor]:
        """As they are."""
        return {"live": mask, "weight": matrix}

    @property
    def nonzeros(self) -> int:
        """Counted from the mask."""
        return int(self.live.sum())

    @property
    def shape(self) -> tuple[int, int]:
        """(O, D)."""
        return self.live.shape[0], self.live.shape[1]

    @property
    def executes(self) -> str:
        """Itself."""
        return "masked"

    def cost(self) -> Cost:
        """FLOPs of the non-zeros; executed are those of the whole matrix."""
        params = self.nonzeros + self.bias.numel()
        return Cost(params, params, 2 * self.nonzeros, 2 * self.live.numel())

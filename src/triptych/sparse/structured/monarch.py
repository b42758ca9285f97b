"""Two block-diagonal matrices with a permutation between them."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.types import Cost


@final
class MonarchLinear(nn.Module):
    """`y = P L P^T R x + bias` (Dao et al. 2022, arXiv 2204.00595): R and L have b dense blocks
    on their diagonal, and the permutation P^T deals the outputs of a block of R to the blocks
    of L in turn.

    Between R and L there are M = min(D, O) numbers. The layer has M (D + O) / b weights and O
    biases. Every output depends on every input if M is at least b^2. Its output has the variance
    of `nn.Linear`'s at the start, to which both factors add equally.

    Args:
        d_in: D, a multiple of b.
        d_out: O, a multiple of b.
        blocks: b.

    Raises:
        InvalidSetting: if b is less than 1.
        IncompatibleSettings: if b does not divide both widths.
    """

    def __init__(self, d_in: int, d_out: int, *, blocks: int) -> None:
        super().__init__()
        if blocks < 1:
            raise InvalidSetting(f"model.blocks must be at least 1, got {blocks}")
        if d_in % blocks or d_out % blocks:
            raise IncompatibleSettings(
                f"model.blocks={blocks} must divide both widths of a layer, here {d_in} and"
                f" {d_out}: change model.blocks or model.d_hidden"
            )
        self.blocks = blocks
        middle = min(d_in, d_out)
        self.right = self._factor(d_in, middle)
        self.left = self._factor(middle, d_out)
        self.bias = nn.Parameter(torch.empty(d_out).uniform_(-(d_in**-0.5), d_in**-0.5))

    def forward(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch O"]:
        """(..., D) -> (..., O)."""
        rows = x.shape[:-1].numel()
        flat = x.reshape(rows, self.blocks, self.right.shape[1])
        middle = torch.bmm(flat.transpose(0, 1), self.right)  # (b, B, M / b)
        dealt = middle.transpose(0, 1).reshape(rows, self.left.shape[1], self.blocks)  # P^T
        y = torch.bmm(dealt.permute(2, 0, 1), self.left)  # (b, B, O / b)
        return y.permute(1, 2, 0).reshape(*x.shape[:-1], len(self.bias)) + self.bias  # P

    def cost(self) -> Cost:
        """All of both factors, for every sample."""
        weights = self.right.numel() + self.left.numel()
        params = weights + len(self.bias)
        return Cost(params, params, 2 * weights, 2 * weights)

    def _factor(self, d_in: int, d_out: int) -> nn.Parameter:
        """(b, input, output), each factor with sqrt(1/3) of its input's variance: a third in all,
        as `nn.Linear` has."""
        inputs = d_in // self.blocks
        bound = 3**0.25 * inputs**-0.5
        weight = torch.empty(self.blocks, inputs, d_out // self.blocks)
        return nn.Parameter(weight.uniform_(-bound, bound))

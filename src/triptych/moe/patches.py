"""Rows that are patches, one after the other: their width, and scores of all of them together."""

from typing import final

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from triptych.errors import InvalidSetting
from triptych.moe.scores import Scores


def patch_width(d_in: int, patches: int) -> int:
    """Features of one of the `patches` patches that are a row of `d_in` features.

    Raises:
        InvalidSetting: if a row cannot be divided into so many.
    """
    if patches < 1 or d_in % patches:
        raise InvalidSetting(
            f"patches={patches} must divide a row of {d_in} features: patches are equal parts"
        )
    return d_in // patches


@final
class PatchScores(Scores):
    """`theta^T (x_1 + ... + x_P)`: one linear map, the same for all patches, summed over them
    (Chen et al. 2022, arXiv 2208.02813, eq. 3.2). Without bias, N(0, 0.02).

    Args:
        d_in: P times the width d of a patch.
        num_experts: E.
        patches: P.
    """

    def __init__(
        self,
        d_in: int,
        num_experts: int,
        *,
        patches: int,
        jitter: float = 0.0,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(jitter, temperature)
        self.patches = patches
        self.linear = nn.Linear(patch_width(d_in, patches), num_experts, bias=False)
        nn.init.normal_(self.linear.weight, std=0.02)

    def logits(self, x: Float[Tensor, "T D"]) -> Float[Tensor, "T E"]:
        """The sum first, then one matrix product."""
        total = x.unflatten(1, (self.patches, -1)).sum(dim=1)
        return F.linear(total, self.linear.weight.to(x.dtype))

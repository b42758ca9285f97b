"""N of every M weights, chosen anew after each step from weights that all go on learning."""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.sparse.rules.rule import LatentRule, View


@final
class SRSTE(LatentRule):
    """After every step a layer is left with the N largest of each M weights; those that it is left
    without learn as well and can come back, but are pulled towards 0: sparse-refined
    straight-through estimator, Zhou et al. 2021, arXiv 2102.04010, eq. 9. For latent layers.

    Args:
        m: M, size of a group of inputs; N is the number of weights that each group begins with.
        decay: lambda of eq. 9, the strength of the pull; 0 is the plain straight-through estimator.
    """

    def __init__(self, *, m: int, decay: float) -> None:
        if m < 1:
            raise InvalidSetting(f"m must be at least 1 weight, got {m}")
        if not 0 <= decay < float("inf"):
            raise InvalidSetting(f"decay must be a finite number, at least 0, got {decay}")
        self.m, self.decay = m, decay

    def due(self, step: int, steps: int) -> bool:
        """Always."""
        return True

    def progress(self, step: int, steps: int) -> float:
        """No schedule depends on it."""
        return 1.0

    def update(self, layers: Sequence[View], progress: float) -> list[Bool[Tensor, "_ _"]]:
        """The N largest of each group.

        Raises:
            IncompatibleSettings: if a layer's mask does not have N of each M weights.
        """
        return [self._largest(layer) for layer in layers]

    def pull(self, weight: Float[Tensor, "O D"], mask: Bool[Tensor, "O D"]) -> Float[Tensor, "O D"]:
        """`decay * W` outside of the mask."""
        return torch.where(mask, 0.0, self.decay * weight)

    def _largest(self, layer: View) -> Bool[Tensor, "O D"]:
        d_out, d_in = layer.mask.shape
        if d_in % self.m or layer.mask.view(-1, self.m).sum(dim=1).unique().numel() > 1:
            raise IncompatibleSettings(
                f"model/rule=sr_ste needs as many weights in each group of {self.m} inputs as in"
                f" any other, which a layer of {d_out} x {d_in} has not: take model/mask=n_of_m"
            )
        n = int(layer.mask.view(-1, self.m)[0].sum())
        chosen = layer.weight.abs().view(-1, self.m).topk(n, dim=1).indices
        new = torch.zeros(d_out * d_in // self.m, self.m, dtype=torch.bool, device=chosen.device)
        return new.scatter_(1, chosen, True).view(d_out, d_in)

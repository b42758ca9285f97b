"""From dense to sparse: gradual magnitude pruning."""

from collections.abc import Sequence
from typing import final

from jaxtyping import Bool
from torch import Tensor

from triptych.sparse.patterns.uniform import live_weights
from triptych.sparse.rules.gradual import Gradual
from triptych.sparse.rules.rule import View
from triptych.sparse.rules.topology import keep_largest


@final
class Pruning(Gradual):
    """Removes the smallest weights of each layer, little by little: Zhu and Gupta 2017,
    arXiv 1710.01878. What is gone stays gone. For kernels whose number of weights may change."""

    def update(self, layers: Sequence[View], progress: float) -> list[Bool[Tensor, "_ _"]]:
        """In each layer as many as the schedule leaves, and none that was not there."""
        sparsity = self.sparsity(progress)
        return [_smaller(layer, sparsity) for layer in layers]

    def weights_left(self, places: Sequence[int], weights: Sequence[int], progress: float) -> int:
        """Of each layer what the schedule leaves."""
        sparsity = self.sparsity(progress)
        pairs = zip(places, weights, strict=True)
        return sum(min(live_weights(size, sparsity), first) for size, first in pairs)


def _smaller(layer: View, sparsity: float) -> Bool[Tensor, "O D"]:
    left = min(live_weights(layer.mask.numel(), sparsity), int(layer.mask.sum()))
    return keep_largest(layer.weight.abs(), layer.mask, left)

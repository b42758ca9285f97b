"""Pruning over the whole net, with weights that grow back."""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Bool
from torch import Tensor

from triptych.sparse.patterns.uniform import live_weights
from triptych.sparse.rules.dynamic import Fall, check_drop, steepness
from triptych.sparse.rules.gradual import Gradual
from triptych.sparse.rules.rule import View
from triptych.sparse.rules.schedules import cosine
from triptych.sparse.rules.topology import keep_largest, moved


@final
class GraNet(Gradual):
    """Removes the smallest weights of the whole net, little by little, then moves weights in each
    layer as RigL does: gradual pruning with neuroregeneration, Liu et al. 2021, arXiv 2106.10404,
    algorithm 1. For kernels whose number of weights may change. A layer can lose all its weights.

    Args:
        every: optimizer steps between two updates; each costs a dense gradient.
        until: share of the training after which the sparsity is the final one and masks stay.
        initial: sparsity of the masks at the start.
        final: sparsity of the whole net at the end.
        drop: share of a layer's weights that the first update moves.
        fall: how that share falls with time.
    """

    needs_gradient = True

    def __init__(
        self,
        *,
        every: int,
        until: float,
        initial: float,
        final: float,
        drop: float,
        fall: Fall = cosine,
    ) -> None:
        super().__init__(every=every, until=until, initial=initial, final=final)
        check_drop(drop)
        self.drop, self.fall = drop, fall

    def update(self, layers: Sequence[View], progress: float) -> list[Bool[Tensor, "_ _"]]:
        """As many weights in the net as the schedule leaves; each layer then keeps its number."""
        share = self.fall(self.drop, progress)
        kept = _largest_of_all(layers, self.sparsity(progress))
        return [
            moved(layer.weight, mask, steepness(layer), share)
            for layer, mask in zip(layers, kept, strict=True)
        ]

    def weights_left(self, places: Sequence[int], weights: Sequence[int], progress: float) -> int:
        """Of the whole net what the schedule leaves."""
        return min(live_weights(sum(places), self.sparsity(progress)), sum(weights))


def _largest_of_all(layers: Sequence[View], sparsity: float) -> list[Bool[Tensor, "_ _"]]:
    score = torch.cat([layer.weight.abs().flatten() for layer in layers])
    there = torch.cat([layer.mask.flatten() for layer in layers])
    left = min(live_weights(len(there), sparsity), int(there.sum()))
    parts = keep_largest(score, there, left).split([layer.mask.numel() for layer in layers])
    return [part.view_as(layer.mask) for part, layer in zip(parts, layers, strict=True)]

"""From dense to sparse: gradual magnitude pruning."""

from collections.abc import Sequence
from typing import final

from jaxtyping import Bool
from torch import Tensor

from triptych.errors import InvalidSetting
from triptych.sparse.patterns.uniform import live_weights
from triptych.sparse.rules.rule import Rule, View
from triptych.sparse.rules.schedules import cubic
from triptych.sparse.rules.topology import keep_largest


@final
class Pruning(Rule):
    """Removes the smallest weights of each layer, little by little: Zhu and Gupta 2017,
    arXiv 1710.01878. What is gone stays gone. For kernels whose number of weights may change.

    Args:
        every: optimizer steps between two updates.
        until: share of the training after which the sparsity is the final one, exactly.
        initial: sparsity of the masks at the start.
        final: sparsity at the end.
    """

    def __init__(self, *, every: int, until: float, initial: float, final: float) -> None:
        if every < 1:
            raise InvalidSetting(f"every must be at least 1 optimizer step, got {every}")
        if not 0 < until < 1:
            raise InvalidSetting(f"until must be in (0, 1), got {until}")
        if not 0 <= initial <= final < 1:
            raise InvalidSetting(
                f"sparsity must grow from model.rule.initial={initial} to"
                f" model.sparsity={final}, both in [0, 1)"
            )
        self.every, self.until = every, until
        self.initial, self.final = initial, final

    def due(self, step: int, steps: int) -> bool:
        """Every `every` steps, the last time when the end is reached."""
        return step % self.every == 0 and step - self.every < self.until * steps

    def progress(self, step: int, steps: int) -> float:
        """Of the time in which weights go."""
        return min(step / max(self.until * steps, 1.0), 1.0)

    def update(self, layers: Sequence[View], progress: float) -> list[Bool[Tensor, "_ _"]]:
        """In each layer as many as the schedule leaves, and none that was not there."""
        sparsity = cubic(self.initial, self.final, progress)
        return [_smaller(layer, sparsity) for layer in layers]


def _smaller(layer: View, sparsity: float) -> Bool[Tensor, "O D"]:
    left = min(live_weights(layer.mask.numel(), sparsity), int(layer.mask.sum()))
    return keep_largest(layer.weight.abs(), layer.mask, left)

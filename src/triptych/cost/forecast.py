"""What a net will cost, and its training, before the first step."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import final

from torch import nn

from triptych.cost.declared import declared_cost
from triptych.sparse import Rule, SparseLinear, Start, Static, live_weights, sparse_layers
from triptych.types import Cost


@final
@dataclass(frozen=True)
class Forecast:
    """Costs as the schedule of a rule says them, with routers taken as balanced.

    Attributes:
        net: as it was built.
        rule: changes its masks.
        start: chooses its first masks; None where they are those of the net.
    """

    net: nn.Module
    rule: Rule = field(default_factory=Static)
    start: Start | None = None

    def cost(self) -> Cost:
        """Of a sample, by the net that training leaves behind; `flops_executed` as it was built."""
        built = declared_cost(self.net)
        gone = self._built() - self._left(1.0)
        return replace(
            built,
            params_total=built.params_total - gone,
            params_active=built.params_active - gone,
            flops=built.flops - 2 * gone,
        )

    def training_flops(self, samples: Sequence[int]) -> float:
        """That all training steps need: forward pass, gradient of inputs, gradient of weights, and
        the dense gradients that a rule asks for.

        Args:
            samples: of each optimizer step of the whole training, over all processes.
        """
        steps, places = len(samples), sum(self._places())
        rest = declared_cost(self.net).flops - 2 * self._built()
        latent = any(layer.latent for layer in self._layers())
        weights, needed = sum(self._first()), 0.0
        for step, count in enumerate(samples, start=1):
            due = self.rule.due(step, steps)
            needed += 3 * count * (rest + 2 * weights)
            if latent or (due and self.rule.needs_gradient):
                needed += 2 * count * (places - weights)
            if due:
                weights = self._left(self.rule.progress(step, steps))
        return needed

    def _left(self, progress: float) -> int:
        return self.rule.weights_left(self._places(), self._first(), progress)

    def _layers(self) -> list[SparseLinear]:
        return list(sparse_layers(self.net).values())

    def _built(self) -> int:
        return sum(layer.nonzeros for layer in self._layers())

    def _places(self) -> list[int]:
        """Of each sparse layer; of all together where a start chooses among all."""
        places = [layer.shape[0] * layer.shape[1] for layer in self._layers()]
        return places if self.start is None else [sum(places)]

    def _first(self) -> list[int]:
        """Weights at the first step."""
        if self.start is None:
            return [layer.nonzeros for layer in self._layers()]
        return [live_weights(places, self.start.sparsity) for places in self._places()]

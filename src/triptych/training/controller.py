"""The classifier whose hidden units a controller wakes: cross entropy, and a look at them."""

from typing import Any, final

from torch import Tensor, nn

from triptych.metrics import ChoiceMetrics
from triptych.models import Controlled
from triptych.moe import Routing
from triptych.training.module import Batch, ClassifierModule
from triptych.types import Cost


@final
class ControllerModule(ClassifierModule):
    """Trains a network with controlled layers and counts the units that they wake.

    The controller's noise comes from torch's global generator, which is seeded anew each epoch:
    a resumed run draws what an uninterrupted one would.

    Args:
        shared: what every `ClassifierModule` takes.
    """

    def __init__(self, **shared: Any) -> None:
        super().__init__(**shared)
        layers = controlled_layers(self.network)
        self.choices = nn.ModuleDict(
            {split: _metrics(layers) for split in ("val_choices", "test_choices")}
        )
        self._summary: dict[str, dict[str, float]] = {}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Cross entropy."""
        return self.cross_entropy(batch)[0]

    def observe(self, split: str, decisions: dict[str, Routing], family: Tensor) -> None:
        """Adds up which units each layer woke."""
        for layer, routing in decisions.items():
            self._metric(split, layer).update(routing)

    def panel_scalars(self, split: str) -> dict[str, float]:
        """Of each layer: share of units at work, units never chosen, entropy of the choice."""
        self._summary = {}
        for layer in controlled_layers(self.network):
            metric = self._metric(split, layer)
            self._summary[layer] = metric.compute()
            metric.reset()
        return {
            f"controller/{layer}/{key}": value
            for layer, summary in self._summary.items()
            for key, value in summary.items()
        }

    def panel_tables(self) -> dict[str, Any]:
        """The same numbers, a row for each layer."""
        return {"controller": [{"layer": k} | v for k, v in self._summary.items()]}

    def cost(self) -> Cost:
        """The controllers, the units that they wake and the dense rest."""
        return self.total_cost({})

    def _metric(self, split: str, layer: str) -> ChoiceMetrics:
        by_layer = self.choices[f"{split}_choices"]
        assert isinstance(by_layer, nn.ModuleDict)
        metric = by_layer[layer]
        assert isinstance(metric, ChoiceMetrics)
        return metric


def controlled_layers(network: nn.Module) -> dict[str, tuple[int, int]]:
    """F and N of each layer with a controller, by the name that the network's forward uses."""
    return {
        name.removeprefix("blocks."): (len(layer.ffn.up), layer.ffn.block)
        for name, layer in network.named_modules()
        if isinstance(layer, Controlled)
    }


def _metrics(layers: dict[str, tuple[int, int]]) -> nn.ModuleDict:
    return nn.ModuleDict({name: ChoiceMetrics(*sizes) for name, sizes in layers.items()})

"""The sparse classifier: cross entropy, and the density that its masks really have."""

from typing import Any, final

from torch import Tensor

from triptych.metrics import layer_densities
from triptych.moe import Routing
from triptych.training.module import Batch, ClassifierModule
from triptych.types import Cost


@final
class SparseModule(ClassifierModule):
    """Trains a network with sparse layers; their masks are fixed, and exact by construction."""

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Cross entropy."""
        return self.cross_entropy(batch)[0]

    def observe(self, split: str, decisions: dict[str, Routing], family: Tensor) -> None:
        """Nothing to note: density is a property of the weights."""

    def panel_scalars(self, split: str) -> dict[str, float]:
        """Density of each sparse layer and of all of them together."""
        layers = layer_densities(self.network)
        alone = {f"density/{row['layer']}": float(row["density"]) for row in layers}
        nonzeros, size = (sum(int(row[k]) for row in layers) for k in ("nonzeros", "size"))
        return alone | {"density": nonzeros / size}

    def panel_tables(self) -> dict[str, Any]:
        """Density, non-zeros and size of each sparse layer."""
        return {"density": layer_densities(self.network)}

    def cost(self) -> Cost:
        """The non-zeros and the dense rest, for every sample."""
        return self.total_cost({})

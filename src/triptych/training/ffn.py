"""The dense classifier: nothing beyond cross entropy."""

from typing import Any, final

from torch import Tensor

from triptych.moe import Routing
from triptych.training.module import Batch, ClassifierModule
from triptych.types import Cost


@final
class FFNModule(ClassifierModule):
    """Trains a dense network."""

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Cross entropy."""
        return self.cross_entropy(batch)[0]

    def observe(self, split: str, decisions: dict[str, Routing], family: Tensor) -> None:
        """Nothing to note."""

    def panel_scalars(self, split: str) -> dict[str, float]:
        """None."""
        return {}

    def panel_tables(self) -> dict[str, Any]:
        """None."""
        return {}

    def cost(self) -> Cost:
        """All of the network, for every sample."""
        return self.total_cost({})

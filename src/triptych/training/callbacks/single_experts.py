"""What each expert could do alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

import lightning as L
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from triptych.moe import Dropless, MoE, OracleRouter, Router, Routing
from triptych.training.moe import MoEModule, moe_layers


@final
class SingleExperts(L.Callback):
    """Logs `test/moe/LAYER/best_single_expert` and `mean_single_expert`: the test accuracy when one
    expert of the layer does the work of all, gate 1; the best of them, and their mean.

    If the mixture is hardly better than its best expert, its experts are copies of each other, or
    one of them does everything. Other panels have no experts and log nothing.
    """

    def __init__(self) -> None:
        self.right: dict[str, Tensor] = {}
        self.samples = 0

    def on_test_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Counts anew."""
        self.right, self.samples = {}, 0

    def on_test_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """As many passes more as there are experts."""
        if not isinstance(pl_module, MoEModule):
            return
        x, y, family = batch
        self.samples += len(y)
        for name, layer in moe_layers(pl_module.network).items():
            right = [
                (self._alone(pl_module, layer, expert, x, family) == y).sum()
                for expert in range(len(layer.uniform_share()))
            ]
            counted = torch.stack(right)
            self.right[name] = self.right[name] + counted if name in self.right else counted

    def on_test_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Logs them, over all ranks."""
        if not isinstance(pl_module, MoEModule):
            return
        samples = torch.tensor(self.samples, device=pl_module.device)
        every = trainer.strategy.reduce(samples, reduce_op="sum")
        for name, right in self.right.items():
            accuracy = trainer.strategy.reduce(right, reduce_op="sum").double() / every
            found = {"best": accuracy.max(), "mean": accuracy.mean()}
            values = {f"moe/{name}/{which}_single_expert": float(v) for which, v in found.items()}
            pl_module.log_now("test", values)

    @staticmethod
    def _alone(module: MoEModule, layer: MoE, expert: int, x: Tensor, family: Tensor) -> Tensor:
        with routed_to(layer, expert), torch.no_grad():
            return module.network(x, family)[0].argmax(dim=1)


@contextmanager
def routed_to(layer: MoE, expert: int) -> Iterator[None]:
    """The layer sends every token to one expert, which has room for all, while this is open."""
    router, capacity = layer.router, layer.capacity
    layer.router, layer.capacity = _OneExpert(len(layer.uniform_share()), expert), Dropless()
    try:
        yield
    finally:
        layer.router, layer.capacity = router, capacity


@final
class _OneExpert(Router):
    def __init__(self, num_experts: int, expert: int) -> None:
        super().__init__()
        self.oracle, self.expert = OracleRouter(0, num_experts, top_k=1), expert

    def forward(
        self,
        x: Float[Tensor, "T D"],
        valid: Bool[Tensor, " T"] | None = None,
        family: Int[Tensor, " T"] | None = None,
    ) -> Routing:
        """As if all tokens were of the family that the expert has."""
        one = torch.full((len(x),), self.expert, device=x.device)
        return self.oracle(x, valid, one)

    @property
    def routes_per_token(self) -> float:
        """1."""
        return 1.0

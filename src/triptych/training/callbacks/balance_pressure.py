"""How hard the balance loss pushes the router, against the task."""

from typing import Any, final

import lightning as L
import torch
from torch.nn import functional as F

from triptych.dropout import streams_kept
from triptych.moe import MoE
from triptych.training.moe import MoEModule


@final
class BalancePressure(L.Callback):
    """Logs `train/moe/balance_pressure` once per epoch, from its first batch.

    The norm of the weighted balance loss's gradient over that of the cross entropy, both with
    respect to the router's parameters: above 1, balance decides where samples go. In the source
    study it is 11 to 24 in early training. Other panels have no router and log nothing.
    """

    def __init__(self) -> None:
        self.pressure: float | None = None

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Two more backward passes, with dropout drawn from copies of its streams."""
        if batch_idx > 0 or not isinstance(pl_module, MoEModule):
            return
        devices = [pl_module.device] if pl_module.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices), streams_kept(pl_module.network):
            pressure = balance_pressure(pl_module, *batch)
        self.pressure = float(trainer.strategy.reduce(pressure, reduce_op="mean"))

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Logs it."""
        if self.pressure is not None and isinstance(pl_module, MoEModule):
            pl_module.log_now("train", {"moe/balance_pressure": self.pressure})

    def state_dict(self) -> dict[str, Any]:
        """That of the epoch that is under way."""
        return {"pressure": self.pressure}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self.pressure = state_dict["pressure"]


def balance_pressure(
    module: MoEModule, x: torch.Tensor, y: torch.Tensor, family: torch.Tensor | None = None
) -> torch.Tensor:
    """The ratio of the two gradients' norms for a batch (B, D) with classes (B), families (B).

    0 where the balance loss has no gradient, as without a loss or without a trained router.
    """
    logits, decisions = module.network(x, family)
    layers = (m for m in module.network.modules() if isinstance(m, MoE))
    router = [p for layer in layers for p in layer.router.parameters() if p.requires_grad]
    balance = module.balance_coef * module.mean_balance(decisions)
    pull, task = (_norm(loss, router) for loss in (balance, F.cross_entropy(logits, y)))
    return torch.where(pull > 0, pull / task, 0.0)


def _norm(loss: torch.Tensor, by: list[torch.nn.Parameter]) -> torch.Tensor:
    if not by or not loss.requires_grad:
        return loss.new_zeros(())
    # Not all are in use: the weights of a router's noise, for one, have no part in its balance.
    gradients = torch.autograd.grad(
        loss, by, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return torch.cat([gradient.flatten() for gradient in gradients]).norm()

"""Measures what training costs: seconds, samples and FLOPs so far."""

import time
from typing import Any, final

import lightning as L
import torch

from triptych.training.module import ClassifierModule


@final
class Meter(L.Callback):
    """Logs, once per epoch, cumulative over the run and kept in checkpoints:

    `time/train_s` (seconds in training steps, evaluation left out), `compute/train_flops` (3 x
    FLOPs of a forward pass x samples: the backward pass costs twice the forward), `params/active`
    and `lr`.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.samples = 0
        self._since: float | None = None

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Starts the clock."""
        self._since = time.perf_counter()

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stops it while the model is evaluated."""
        self._stop()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Goes on."""
        self._since = time.perf_counter()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Logs the sums."""
        self._stop()
        assert isinstance(pl_module, ClassifierModule)
        self.samples += pl_module.samples_in_epoch
        cost = pl_module.cost()
        pl_module.log_exactly(
            {
                "time/train_s": self.seconds,
                "compute/train_flops": 3 * cost.flops * self.samples,
                "compute/flops_per_sample": cost.flops,
                "params/active": cost.params_active,
                "params/total": cost.params_total,
                "lr": trainer.optimizers[0].param_groups[0]["lr"],
            }
        )

    def state_dict(self) -> dict[str, Any]:
        """Seconds and samples so far."""
        return {"seconds": self.seconds, "samples": self.samples}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self.seconds, self.samples = state_dict["seconds"], state_dict["samples"]

    def _stop(self) -> None:
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()  # else the clock stops before the work does
        if self._since is not None:
            self.seconds += time.perf_counter() - self._since
            self._since = None

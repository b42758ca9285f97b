"""Measures what training costs: seconds, samples and FLOPs so far."""

import math
import time
from typing import Any, final

import lightning as L
import torch

from triptych.cost import Flops
from triptych.training.module import ClassifierModule


@final
class Meter(L.Callback):
    """Logs, once per epoch, cumulative over the run and kept in checkpoints:

    `time/train_s` (seconds in training steps, evaluation left out), `compute/train_flops` (that
    the architecture needs: forward pass, gradient of inputs, gradient of weights) and
    `compute/train_flops_executed` (by the kernels in use). Of the epoch alone: `time/step_ms`
    (the mean over optimizer steps, with all that happens between them), `params/active` and `lr`.

    Args:
        share: of the clock's seconds that the run is charged with; others train beside it.
    """

    def __init__(self, share: float = 1.0) -> None:
        self.share = share
        self.seconds = 0.0
        self.samples = 0
        self.flops = Flops()
        self._seconds_before, self._steps_before = 0.0, 0
        self._since: float | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Starts the clock where an epoch goes on."""
        self._since = time.perf_counter()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Starts the clock."""
        self._seconds_before, self._steps_before = self.seconds, trainer.global_step
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
        self.flops += pl_module.training_flops()
        cost = pl_module.cost()
        steps = max(trainer.global_step - self._steps_before, 1)
        pl_module.log_exactly(
            {
                "time/train_s": self.seconds,
                "time/step_ms": 1000 * (self.seconds - self._seconds_before) / steps,
                "compute/train_flops": self.flops.needed,
                "compute/train_flops_executed": self.flops.executed,
                "compute/flops_per_sample": cost.flops,
                "params/active": cost.params_active,
                "params/total": cost.params_total,
                "lr": trainer.optimizers[0].param_groups[0]["lr"],
            }
        )

    def state_dict(self) -> dict[str, Any]:
        """Seconds, samples and FLOPs so far; and where the epoch that is under way began."""
        flops = {"flops": self.flops.needed, "flops_executed": self.flops.executed}
        running = self._elapsed()
        before = {"seconds_before": self._seconds_before, "steps_before": self._steps_before}
        return {"seconds": self.seconds + running, "samples": self.samples} | flops | before

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint; an older one does not know its FLOPs."""
        self.seconds, self.samples = state_dict["seconds"], state_dict["samples"]
        parts = (state_dict.get(key, math.nan) for key in ("flops", "flops_executed"))
        self.flops = Flops(*parts)
        self._seconds_before = state_dict.get("seconds_before", 0.0)
        self._steps_before = state_dict.get("steps_before", 0)

    def _stop(self) -> None:
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()  # else the clock stops before the work does
        self.seconds += self._elapsed()
        self._since = None

    def _elapsed(self) -> float:
        return 0.0 if self._since is None else self.share * (time.perf_counter() - self._since)

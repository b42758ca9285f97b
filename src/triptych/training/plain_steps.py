"""A training step without Lightning's layers around it."""

from collections import OrderedDict
from typing import Any, final

import lightning as L
from lightning.pytorch.loops.optimization.automatic import _AutomaticOptimization
from lightning.pytorch.plugins import Precision
from lightning.pytorch.strategies import Strategy
from lightning.pytorch.trainer import call
from torch.optim import LBFGS, Optimizer

from triptych.training.lockstep.module import LockstepModule
from triptych.training.module import ClassifierModule


@final
class PlainSteps(_AutomaticOptimization):
    """What Lightning's own class does with a batch, in the same order and with all hooks, but one
    after the other: there `Optimizer.step` gets a closure of closures, for optimizers that try a
    step more than once.

    Where the trainer does anything else than one plain step for each batch, Lightning's own class
    is at work. Its names are private ones of Lightning 2.6; tests hold both against each other.
    """

    def run(
        self, optimizer: Optimizer, batch_idx: int, kwargs: OrderedDict[str, Any]
    ) -> dict[str, Any]:
        """One step; returns the loss."""
        trainer = self.trainer
        module = trainer.lightning_module
        if not _is_plain(trainer, module, optimizer):
            return super().run(optimizer, batch_idx, kwargs)
        self.optim_progress.optimizer.step.increment_ready()
        loss = call._call_strategy_hook(trainer, "training_step", *kwargs.values())
        self._on_before_zero_grad(optimizer)
        self._optimizer_zero_grad(batch_idx, optimizer)
        call._call_strategy_hook(trainer, "backward", loss, optimizer)
        trainer.precision_plugin._after_closure(module, optimizer)  # hooks and clipping
        optimizer.step()
        self.optim_progress.optimizer.step.increment_completed()
        return {"loss": loss.detach()}


def step_plainly(trainer: L.Trainer) -> None:
    """Lets a trainer do so."""
    trainer.fit_loop.epoch_loop.automatic_optimization = PlainSteps(trainer)


def _is_plain(trainer: L.Trainer, module: L.LightningModule, optimizer: Optimizer) -> bool:
    return (
        trainer.accumulate_grad_batches == 1
        and isinstance(module, ClassifierModule | LockstepModule)  # whose loss is a tensor
        and type(module).optimizer_step is L.LightningModule.optimizer_step
        and type(trainer.strategy).optimizer_step is Strategy.optimizer_step
        and type(trainer.precision_plugin).optimizer_step is Precision.optimizer_step
        and not isinstance(optimizer, LBFGS)
    )

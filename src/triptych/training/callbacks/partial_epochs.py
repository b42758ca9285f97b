"""Checkpoints that are written in the midst of an epoch lose nothing of it."""

from typing import Any, final

import lightning as L
from lightning.pytorch.trainer.states import TrainerFn

from triptych.training.module import ClassifierModule
from triptych.training.partial_epoch import (
    KEY,
    Named,
    dropout_state,
    gathered,
    part_of,
    random_state,
    set_dropout_state,
    set_random_state,
)


@final
class PartialEpochs(L.Callback):
    """Adds to a checkpoint what the module has noted of an epoch that is not over, and the state of
    random numbers, of each process; a training that goes on takes them up. Where the processes
    are others than before, dropout is drawn anew.
    """

    def __init__(self) -> None:
        self._random: Named | None = None

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Called on all ranks."""
        assert isinstance(pl_module, ClassifierModule)
        if pl_module.notes.losses:
            pl_module.refuse_nan(0)
            part = pl_module.partial_epoch()
            part.own.update(random_state(pl_module.device))
            part.own.update(dropout_state(pl_module.network))
            checkpoint[KEY] = gathered(part)

    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Only where training goes on."""
        if KEY in checkpoint and trainer.state.fn == TrainerFn.FITTING:
            assert isinstance(pl_module, ClassifierModule)
            part = part_of(checkpoint[KEY], trainer.global_rank, trainer.world_size)
            pl_module.go_on(part)
            self._random = part.own

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """After all that may draw numbers before the first step."""
        if self._random is not None:
            assert isinstance(pl_module, ClassifierModule)
            lot = trainer.current_epoch, trainer.global_rank
            if self._random:
                pl_module.seed_dropout(*lot)
                set_dropout_state(self._random, pl_module.network)
                set_random_state(self._random, pl_module.device)
            else:
                pl_module.seed_dropout(*lot, trainer.global_step)
            self._random = None

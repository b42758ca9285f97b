"""Numbers of a training, on their way to whoever reads them."""

from collections.abc import Mapping

import lightning as L
from torch import Tensor


def hand_on(trainer: L.Trainer, values: Mapping[str, Tensor]) -> None:
    """Gives numbers of the epoch that ends to the loggers and to the callbacks that monitor them.

    `LightningModule.log` makes two modules and moves them for each number, half a millisecond: with
    the sixty of a mixture a fifth of a short epoch. What it does beside is not needed for numbers
    that are logged once in an epoch and are equal on all ranks.

    Args:
        values: scalars on the CPU.
    """
    trainer.callback_metrics.update(values)
    numbers = {name: value.item() for name, value in values.items()}
    for logger in trainer.loggers:
        logger.log_metrics(numbers | {"epoch": trainer.current_epoch}, last_step(trainer))
        logger.save()


def last_step(trainer: L.Trainer) -> int:
    """The number of the latest optimizer step, counted from 0; 0 before the first."""
    return max(trainer.global_step - 1, 0)

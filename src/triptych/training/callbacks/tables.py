"""Hands the tables of evaluations to the loggers that take them."""

from collections.abc import Mapping
from typing import Any, final

import lightning as L

from triptych.evaluations import Evaluation
from triptych.tracking import TakesTables
from triptych.training.logged import last_step
from triptych.training.module import ClassifierModule


@final
class Tables(L.Callback):
    """After each validation what changes over a training, after the test all that is known."""

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Those of the validation."""
        assert isinstance(pl_module, ClassifierModule)
        if not trainer.sanity_checking:
            _hand_on(trainer, "val", pl_module.epoch_tables())

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Those of the test."""
        assert isinstance(pl_module, ClassifierModule)
        _hand_on(trainer, "test", pl_module.tables())


def _hand_on(trainer: L.Trainer, split: str, tables: Mapping[str, Any]) -> None:
    if not tables or not trainer.is_global_zero:
        return
    evaluation = Evaluation(split, last_step(trainer), tables)
    for logger in trainer.loggers:
        if isinstance(logger, TakesTables):
            logger.log_tables(evaluation)

"""One replica: an ordinary run whose network is a part of one that is trained with others."""

import copy
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, final

import lightning as L
from lightning.pytorch.loggers import Logger
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from triptych.data import ClassificationData
from triptych.training.callbacks.best_checkpoint import BestCheckpoint
from triptych.training.callbacks.early_end import EarlyEnd
from triptych.training.callbacks.meter import Meter
from triptych.training.callbacks.tables import Tables
from triptych.training.module import ClassifierModule


@final
class OneOfMany:
    """The trainer as a replica's module and callbacks see it: what is about all replicas they
    share, what is about one is its own.

    Args:
        loggers: of the replica.
    """

    def __init__(self, loggers: Sequence[Logger]) -> None:
        self.loggers = list(loggers)
        self.callback_metrics: dict[str, Tensor] = {}
        self.state = SimpleNamespace(fn=TrainerFn.FITTING)
        self.should_stop = False
        self.optimizers: list[Any] = []
        self.lr_scheduler_configs: list[Any] = []  # whoever owns the optimizer steps them
        self.callbacks: list[L.Callback] = []
        self.group: Any = None

    def __getattr__(self, name: str) -> Any:
        """Everything else is that of the trainer of all replicas."""
        return getattr(self.__dict__["group"], name)


@final
class Member:
    """A replica while it trains.

    Args:
        module: built from its own settings.
        data: its own.
        loggers: of its run.
        best: which epoch is to be tested; nothing is written while training.
        early_ends: rules by which it ends before others.
        clip: largest norm of its gradient; None for any.
        meter: is charged with its share of the time.

    Attributes:
        failure: what ended it, if it was an error.
        best_score: of the monitored metric; None before the first epoch.
        best_state: the weights of that epoch, and when it was.
    """

    def __init__(
        self,
        module: ClassifierModule,
        data: ClassificationData,
        loggers: Sequence[Logger],
        best: BestCheckpoint,
        early_ends: Sequence[EarlyEnd],
        clip: float | None,
        meter: Meter,
    ) -> None:
        self.module, self.data, self.best, self.meter = module, data, best, meter
        self.early_ends, self.clip = list(early_ends), clip
        self.trainer: Any = OneOfMany(loggers)
        self.tables = Tables()
        self.failure: Exception | None = None
        self.epochs = self.steps = 0
        self.best_score: Tensor | None = None
        self.best_state: dict[str, Any] = {}
        module.trainer = self.trainer

    @property
    def trains(self) -> bool:
        """Whether it has neither failed nor ended."""
        return self.failure is None and not self.trainer.should_stop

    def end_epoch(self) -> None:
        """What Lightning and the callbacks do at the end of an epoch, in the same order."""
        trainer, module = self.trainer, self.module
        self.meter.on_train_epoch_end(trainer, module)
        for rule in self.early_ends:
            rule.on_train_epoch_end(trainer, module)
        module.on_train_epoch_end()
        self.epochs, self.steps = trainer.current_epoch + 1, trainer.global_step
        self._keep_best()

    def end_validation(self) -> None:
        """After the last batch of a validation."""
        self.module.on_validation_epoch_end()
        self.tables.on_validation_end(self.trainer, self.module)

    def _keep_best(self) -> None:
        module, trainer = self.module, self.trainer
        score = trainer.callback_metrics[str(self.best.monitor)]
        sign = 1 if self.best.mode == "max" else -1
        before = self.best_score
        if not module.settled or (before is not None and not sign * score > sign * before):
            return
        self.best_score = score
        panel: dict[str, Any] = {}
        module.on_save_checkpoint(panel)
        self.best_state = {
            "state_dict": {k: v.detach().clone() for k, v in module.state_dict().items()},
            "panel": copy.deepcopy(panel),
            "epoch": trainer.current_epoch,
            "global_step": trainer.global_step,
            "metrics": {k: float(v) for k, v in trainer.callback_metrics.items()},
        }

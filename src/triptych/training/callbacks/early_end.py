"""The end of a training before its last epoch: what all rules for it share."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import lightning as L

from triptych.errors import InvalidSetting, nearest
from triptych.training.module import ClassifierModule


class EarlyEnd(L.Callback, ABC):
    """Ends training after an epoch by what `judge` says of a monitored metric.

    All ranks end together. A net that is not `settled` is not judged: it has no best checkpoint
    that could be tested. A run that is resumed after it was ended stays so.

    Attributes:
        rule: how records call it.
        reason: why training ended, in words; empty until then.

    Args:
        monitor: a logged metric, such as `val/acc`.
        mode: `max` if more is better, or `min`.
    """

    rule: ClassVar[str]

    def __init__(self, monitor: str, mode: str) -> None:
        if mode not in ("max", "min"):
            raise InvalidSetting(f"mode={mode} of callbacks must be max or min")
        self.monitor = monitor
        self.sign = 1.0 if mode == "max" else -1.0
        self.reason = ""

    @abstractmethod
    def judge(self, score: float, epoch: int) -> str:
        """Why training should end after this epoch, counted from 1; empty if it should not."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Ends at once what had ended when it was interrupted."""
        trainer.should_stop = trainer.should_stop or bool(self.reason)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Judges; called before checkpoints of this epoch are written."""
        assert isinstance(pl_module, ClassifierModule)
        logged = trainer.callback_metrics
        if self.monitor not in logged:
            raise InvalidSetting(
                f"callbacks: monitor={self.monitor} is not logged{nearest(self.monitor, logged)}"
            )
        epoch = trainer.current_epoch + 1
        if epoch == trainer.max_epochs or not pl_module.settled:
            return
        reason = self.judge(float(logged[self.monitor]), epoch)
        if trainer.strategy.reduce_boolean_decision(bool(reason), all=False):
            self.reason = reason or f"another process decided so after epoch {epoch}"
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        """The reason, once there is one."""
        return {"reason": self.reason}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self.reason = state_dict["reason"]

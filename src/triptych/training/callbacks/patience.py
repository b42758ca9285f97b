"""Early stopping: ends runs that do not get better any more."""

import math
from typing import Any, ClassVar, final

from triptych.errors import InvalidSetting
from triptych.training.callbacks.early_end import EarlyEnd


@final
class Patience(EarlyEnd):
    """Ends training after epochs without a better value of the monitored metric.

    Args:
        patience: how many of them.
        min_delta: a value is better if it is so by more than this.
        monitor: a logged metric, such as `val/acc`.
        mode: `max` if more is better, or `min`.

    Raises:
        InvalidSetting: if a number is out of range.
    """

    rule: ClassVar[str] = "patience"

    def __init__(self, patience: int, min_delta: float, monitor: str, mode: str) -> None:
        super().__init__(monitor, mode)
        if not isinstance(patience, int) or patience < 1:
            raise InvalidSetting(f"patience={patience} must be a whole number of at least 1")
        if not isinstance(min_delta, int | float) or not min_delta >= 0:
            raise InvalidSetting(f"min_delta={min_delta} must be a number of at least 0")
        self.patience, self.min_delta = patience, min_delta
        self.best, self.waited = -math.inf, 0  # the best in the direction of `mode`

    def judge(self, score: float, epoch: int) -> str:
        """Counts the epochs since the best one."""
        if self.sign * score > self.best + self.min_delta:
            self.best, self.waited = self.sign * score, 0
        else:
            self.waited += 1
        if self.waited < self.patience:
            return ""
        return f"{self.monitor} after epoch {epoch} is no better than {self.waited} epochs before"

    def state_dict(self) -> dict[str, Any]:
        """Also the best value so far and how long ago it was."""
        return super().state_dict() | {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        super().load_state_dict(state_dict)
        self.best, self.waited = state_dict["best"], state_dict["waited"]

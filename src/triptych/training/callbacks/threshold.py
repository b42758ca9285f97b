"""Ends runs that are hopeless."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, final

from triptych.errors import InvalidSetting
from triptych.training.callbacks.early_end import EarlyEnd

KEY = "callbacks.threshold.at"
EXAMPLE = f"'{KEY}={{5: 0.5, 20: 0.9}}'"


@final
class Threshold(EarlyEnd):
    """Ends training where the monitored metric is below a threshold after a given epoch.

    A threshold that falls due while the net is not `settled` is applied when it is.

    Args:
        at: epoch, counted from 1 -> the least value after it (with `mode=min` the largest).
        monitor: a logged metric, such as `val/acc`.
        mode: `max` if more is better, or `min`.

    Raises:
        InvalidSetting: if there is no threshold, an epoch below 1, or a threshold that is no
            number.
    """

    rule: ClassVar[str] = "threshold"

    def __init__(self, at: Mapping[int, float] | None, monitor: str, mode: str) -> None:
        super().__init__(monitor, mode)
        self.at = dict(_checked(at))
        self.judged = 0

    def judge(self, score: float, epoch: int) -> str:
        """Holds the score against the latest threshold that is due."""
        due = [e for e in self.at if self.judged < e <= epoch]
        self.judged = epoch
        if not due or self.sign * score >= self.sign * self.at[max(due)]:
            return ""
        side = "below" if self.sign > 0 else "above"
        return f"{self.monitor} {score:.4f} after epoch {epoch} is {side} {self.at[max(due)]:g}"

    def state_dict(self) -> dict[str, Any]:
        """Also which thresholds have been applied."""
        return super().state_dict() | {"judged": self.judged}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        super().load_state_dict(state_dict)
        self.judged = state_dict["judged"]


def _checked(at: Any) -> Mapping[int, float]:
    if not isinstance(at, Mapping) or not at:
        given = " is missing" if at is None else f"={at}"
        raise InvalidSetting(f"{KEY}{given}: say least values by epoch, as in {EXAMPLE}")
    for epoch, threshold in at.items():
        if not isinstance(epoch, int) or isinstance(epoch, bool) or epoch < 1:
            raise InvalidSetting(
                f"{KEY}: epoch {epoch} must be a whole number of at least 1, as in {EXAMPLE}"
            )
        number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
        if not number or not math.isfinite(threshold):
            raise InvalidSetting(
                f"{KEY}: the threshold {threshold} after epoch {epoch} must be a number, as in"
                f" {EXAMPLE}"
            )
    return at

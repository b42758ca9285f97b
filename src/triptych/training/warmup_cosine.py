"""A learning rate that rises at first and then falls along a cosine, step by step."""

import math
from typing import Any, final

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from triptych.errors import InvalidSetting


@final
class WarmupCosine(LRScheduler):
    """Linear from 0 over the first steps, then half a cosine down to 0 at the end of the run.

    Step s of S (from 0) has `min(1, (s + 1) / (warmup S)) (1 + cos(pi s / S)) / 2` times the rate.
    It is stepped after every optimizer step, where other schedules are after every epoch, and is
    told S by `plan` before the first one.

    Args:
        optimizer: whose learning rates are the highest ones.
        warmup: share of the steps in which it rises, in [0, 1).

    Raises:
        InvalidSetting: for another warmup.
    """

    def __init__(self, optimizer: Optimizer, warmup: float) -> None:
        if not 0 <= warmup < 1:
            raise InvalidSetting(f"scheduler.warmup={warmup} must be in [0, 1)")
        self.warmup, self.steps = warmup, 1
        super().__init__(optimizer)

    def plan(self, steps: int) -> None:
        """Says how many optimizer steps the run has, before the first of them."""
        self.steps = steps
        for group, rate in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = rate

    def get_lr(self) -> list[float | Any]:
        """The learning rate of the next step, for each group."""
        step = min(self.last_epoch, self.steps)
        rising = self.warmup * self.steps
        share = min(1.0, (step + 1) / rising) if rising else 1.0
        factor = share * (1 + math.cos(math.pi * step / self.steps)) / 2
        return [factor * rate for rate in self.base_lrs]

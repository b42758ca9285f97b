"""When learning rate schedules are stepped: each after its own kind of time."""

from collections.abc import Callable
from typing import Any

from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from triptych.training.warmup_cosine import WarmupCosine


def scheduled(
    optimizer: Optimizer, schedule: LRScheduler | ReduceLROnPlateau, steps: Callable[[], int]
) -> OptimizerLRScheduler:
    """Both as Lightning takes them; a plateau schedule watches `val/loss`.

    Args:
        steps: how many optimizer steps the run will have; only a trainer knows.
    """
    planned(schedule, steps)
    interval = "step" if isinstance(schedule, WarmupCosine) else "epoch"
    how = {"scheduler": schedule, "monitor": "val/loss", "interval": interval}
    return {"optimizer": optimizer, "lr_scheduler": how}  # pyright: ignore[reportReturnType]


def planned(schedule: LRScheduler | ReduceLROnPlateau, steps: Callable[[], int]) -> None:
    """Tells a schedule by steps how many there will be."""
    if isinstance(schedule, WarmupCosine):
        schedule.plan(steps())


def step_after_step(schedule: Any) -> None:
    """Steps a schedule by steps; others are not touched."""
    if isinstance(schedule, WarmupCosine):
        schedule.step()


def step_after_epoch(schedule: Any, val_loss: Callable[[], float]) -> None:
    """Steps a schedule by epochs."""
    if isinstance(schedule, ReduceLROnPlateau):
        schedule.step(val_loss())
    elif isinstance(schedule, LRScheduler) and not isinstance(schedule, WarmupCosine):
        schedule.step()

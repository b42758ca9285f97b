"""The sweeper of `sweep.vectorize=true`. Hydra finds sweepers in `hydra_plugins` only."""

from typing import final

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@final
class GridSweeper(BasicSweeper):
    """Hydra's own grid, with jobs that differ in numbers alone trained together."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Called by Hydra before `sweep`."""
        from triptych.sweep import Vectorizing  # Hydra imports this file for every command

        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        assert self.launcher is not None
        self.launcher = Vectorizing(self.launcher, config)  # pyright: ignore

"""`hydra/sweeper=study`. Hydra finds sweepers in the package `hydra_plugins` only."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


@final
class StudySweeper(Sweeper):
    """Runs a `triptych.study.Study` by whatever launcher there is.

    Args:
        study: as `triptych.study.from_config` takes it.
    """

    def __init__(self, study: DictConfig) -> None:
        self.study: Any = OmegaConf.to_container(study, resolve=True)

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Called by Hydra before `sweep`."""
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> list[Sequence[JobReturn]]:
        """Runs all stages.

        Args:
            arguments: what was typed beside the study, for every job.
        """
        # Hydra imports this file for every command.
        from triptych.sweep import Vectorizing, run_study

        assert self.config is not None, "Hydra calls setup first"
        assert self.launcher is not None
        folder = Path(self.config.hydra.sweep.dir)
        together = self.config.sweep.vectorize
        launcher = Vectorizing(self.launcher, self.config) if together else self.launcher
        return run_study(
            self.study, arguments, folder, launcher.launch, self.validate_batch_is_legal
        )

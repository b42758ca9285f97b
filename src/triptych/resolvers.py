"""Functions that YAML files may call. Nothing here imports torch."""

from enum import Enum
from pathlib import PurePath

from omegaconf import OmegaConf


def sweep_group(mode: Enum, folder: str) -> str | None:
    """The name that all jobs of one multirun share; None in a single run.

    Args:
        mode: `hydra.mode`.
        folder: `hydra.sweep.dir`; a single run has one too, but it means nothing there.
    """
    return PurePath(folder).name if mode.name == "MULTIRUN" else None


def register() -> None:
    """Makes the functions known to OmegaConf. Calling it again changes nothing."""
    OmegaConf.register_new_resolver("triptych.sweep_group", sweep_group, replace=True)

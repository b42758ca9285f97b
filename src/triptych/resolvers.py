"""Functions that YAML files may call. Nothing here imports torch."""

import os
from enum import Enum
from pathlib import PurePath

from omegaconf import OmegaConf

RUN_NAME = "TRIPTYCH_RUN_NAME"
"""Of the environment: the name that several processes of a run have agreed on."""


def sweep_group(mode: Enum, folder: str) -> str | None:
    """The name that all jobs of one multirun share; None in a single run.

    Args:
        mode: `hydra.mode`.
        folder: `hydra.sweep.dir`; a single run has one too, but it means nothing there.
    """
    return PurePath(folder).name if mode.name == "MULTIRUN" else None


def sweep_folder(resumed: str | None, new: str) -> str:
    """The folder of a sweep: the one to go on with, if there is one.

    Args:
        resumed: `sweep.resume`.
        new: a folder that does not exist yet.
    """
    return new if resumed is None else resumed


def run_name(new: str) -> str:
    """The name of a run's folder: the one agreed on, if a launcher has started several processes.

    Args:
        new: a name that no other run has.
    """
    return os.environ.get(RUN_NAME, new)


def register() -> None:
    """Makes the functions known to OmegaConf. Calling it again changes nothing."""
    OmegaConf.register_new_resolver("triptych.sweep_group", sweep_group, replace=True)
    OmegaConf.register_new_resolver("triptych.sweep_folder", sweep_folder, replace=True)
    OmegaConf.register_new_resolver("triptych.run_name", run_name, replace=True)

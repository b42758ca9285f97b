"""The start of a sweep: its note, and that its folder is its own."""

import os
from pathlib import Path
from typing import Any, ClassVar

from filelock import FileLock, Timeout
from hydra.core.global_hydra import GlobalHydra
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, read_write

from triptych.errors import InvalidSetting, Stopped
from triptych.folders import require_writable
from triptych.sweep.jobs import count_jobs
from triptych.sweep.note import Note, read_note
from triptych.sweep.vectorize import refuse_replicas, take_sweeper
from triptych.world import world

LOCK = ".lock"
ENTRY = "TRIPTYCH_ENTRY_SCRIPT"
"""The variable that names the script of the command: ranks of its jobs start with it."""


class SweepCallback(Callback):
    """Notes at the start of a multirun what it is; its end is `finish`, which also a failed
    sweep reaches (Hydra's own `on_multirun_end` comes only if all jobs succeeded).

    Attributes:
        started: the folders of this process's sweeps, with what keeps other processes out.
    """

    started: ClassVar[dict[Path, FileLock]] = {}

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Takes the sweep's folder and writes `sweep.json`.

        Raises:
            Stopped: if the folder cannot be written to, is in use, or holds another sweep; Hydra
                would only warn of another error.
        """
        try:
            _refuse_ranks()
            folder = Path(config.hydra.sweep.dir)
            folder.mkdir(parents=True, exist_ok=True)
            lock = _taken(folder)
            note = _note(config, folder)
            _refuse_another(folder, note)
            refuse_replicas(config, note.overrides)
            take_sweeper(config)
            note.write(folder)
            _tell_jobs(config, folder)
        except Exception as error:
            raise Stopped(str(error)) from error
        SweepCallback.started[folder] = lock


def _refuse_ranks() -> None:
    place = world()
    if place is not None and place.size > 1:
        raise InvalidSetting(
            f"a sweep starts the processes of its jobs itself, and {place.launcher} has started"
            f" {place.size}: leave {place.launcher} out and set trainer.devices, or take"
            " hydra/launcher=slurm"
        )


def _tell_jobs(config: DictConfig, folder: Path) -> None:
    """What jobs would not know in a process that another machine, or a cluster, has started:
    there neither the working directory nor the variables are those of the command."""
    known = [f'hydra.sweep.dir="{folder.absolute()}"']
    if ENTRY in os.environ:
        known.append(f'+hydra.job.env_set.{ENTRY}="{os.environ[ENTRY]}"')
    with read_write(config):  # each job is composed from these overrides and its own
        config.hydra.overrides.hydra.extend(known)


def _taken(folder: Path) -> FileLock:
    lock = FileLock(folder / LOCK, timeout=0)  # the system's: it ends with the process
    try:
        lock.acquire()
    except Timeout as error:
        raise InvalidSetting(
            f"hydra.sweep.dir={folder}: another process is at work there; wait for its end"
        ) from error
    return lock


def _note(config: DictConfig, folder: Path) -> Note:
    # As typed: references such as ${hydra:job.num} have a value inside a job only.
    overrides: Any = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    about_hydra: Any = OmegaConf.to_container(config.hydra.overrides.hydra, resolve=False)
    sweeper: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
    swept = [f"{k}={v}" for k, v in (sweeper.get("params") or {}).items()] + overrides
    # A search says how many it will try; what it will try is not known yet.
    loader = GlobalHydra.instance().config_loader()
    jobs = sweeper.get("n_trials") or count_jobs(swept, loader, config.get("replicas", 1))
    report = _report_folder(config.sweep.report) or folder / "report"
    return Note(jobs, str(report), overrides, about_hydra)


def _report_folder(setting: str | None) -> Path | None:
    """Proves before hours of training that the page can be written where it was asked for."""
    if setting is None:
        return None
    require_writable(Path(setting), "sweep.report")
    return Path(setting)


def _refuse_another(folder: Path, note: Note) -> None:
    """A job of another sweep would take the place of one that is done."""
    before = read_note(folder)
    if before is not None and note.is_search:
        raise InvalidSetting(
            f"{folder} holds a search already: it goes on in another folder, by its command with"
            " the same hydra.sweeper.storage and hydra.sweeper.study_name"
        )
    if before is not None and before.grid != note.grid:
        old, new = (" ".join(n.grid) or "no settings" for n in (before, note))
        raise InvalidSetting(
            f"{folder} holds the sweep of {old}, and this is one of {new}: go on with"
            f" sweep.resume={folder} alone, or take another folder"
        )

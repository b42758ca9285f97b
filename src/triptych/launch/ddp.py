"""What makes DDP right inside Hydra: one child process runs one job, and nothing survives the job.

Stock Lightning starts a rank with the parent's `sys.argv`. In a multirun that is the whole sweep,
so each rank would run its own sweep, with the first job's port and world size left in the
environment. Here a rank is started with the overrides of this one job, in this job's folder, and
after the job its processes, process group and variables are gone.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

ENTRY = "TRIPTYCH_ENTRY_SCRIPT"
DDP_VARIABLES = (
    "LOCAL_RANK",
    "NODE_RANK",
    "WORLD_SIZE",
    "MASTER_ADDR",
    "MASTER_PORT",
    "PL_GLOBAL_SEED",
    "PL_SEED_WORKERS",
)
OBSERVER = "child-process-observer"  # the name of Lightning's thread


def child_command(local_rank: int) -> tuple[list[str], str]:
    """The command of one more rank of the current job, and the folder to start it in."""
    hydra = HydraConfig.get()
    command = [sys.executable, os.environ[ENTRY], "--config-name", str(hydra.job.config_name)]
    for source in hydra.runtime.config_sources:
        if source.provider == "command-line":
            command += ["--config-dir", source.path]
    command += [
        *hydra.overrides.task,
        "hydra.mode=RUN",
        f'hydra.run.dir="{hydra.runtime.output_dir}"',
        "hydra.output_subdir=null",
        f"hydra.job.name=rank{local_rank}",
    ]
    if hydra.mode == RunMode.MULTIRUN:  # what configs say about the sweep must agree on all ranks
        command += [
            f"hydra.job.num={hydra.job.num}",
            f"hydra.job.id={hydra.job.id}",
            f'hydra.sweep.dir="{hydra.sweep.dir}"',
        ]
    return command, hydra.runtime.cwd


class Stopped(BaseException):
    """A single run failed with its `__cause__`. No `Exception`, so that Hydra lets it pass."""


class JobFailed(Exception):
    """A job of a sweep failed with its `__cause__`, which was reported when it happened."""


@contextmanager
def isolated_job() -> Iterator[None]:
    """Around the body of a job: its ranks start as `child_command` says, and end with it.

    Raises:
        Stopped: for any error of a single run.
        JobFailed: for any error of a job in a sweep; the sweep goes on.
    """
    try:
        with _own_processes():
            yield
    except Exception as error:
        single = HydraConfig.get().mode != RunMode.MULTIRUN
        raise (Stopped if single else JobFailed)(str(error)) from error


@contextmanager
def _own_processes() -> Iterator[None]:
    from lightning.fabric.strategies.launchers import subprocess_script as fabric
    from lightning.pytorch.strategies.launchers import subprocess_script as pytorch

    # Private names of Lightning 2.6, which a test watches. Patched in here, not at import:
    # workers of the joblib and submitit launchers never run the top level of train.py.
    modules: tuple[Any, ...] = (fabric, pytorch)
    stock = [module._hydra_subprocess_cmd for module in modules]
    before = {name: os.environ.get(name) for name in DDP_VARIABLES}
    for module in modules:
        module._hydra_subprocess_cmd = child_command
    patience = 1.0
    try:
        yield
        patience = 30.0
    finally:
        _reap_children(patience)
        _leave_process_group()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        for module, function in zip(modules, stock, strict=True):
            module._hydra_subprocess_cmd = function


def _reap_children(patience: float) -> None:
    """Waits for the other ranks, then ends them.

    Lightning's observer would answer a failed rank by killing this process, and with it the
    whole sweep; so it is disarmed first.
    """
    for thread in threading.enumerate():
        if thread.name != OBSERVER:
            continue
        observer: Any = thread
        children: list[subprocess.Popen[bytes]] = list(observer._child_processes)
        observer._child_processes = []
        for child in children:
            try:
                child.wait(timeout=patience)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _leave_process_group() -> None:
    import torch.distributed as dist

    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()

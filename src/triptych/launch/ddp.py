"""What makes DDP right inside Hydra: one child process runs one job, and nothing survives the job.

Stock Lightning starts a rank with the parent's `sys.argv`. In a multirun that is the whole sweep,
so each rank would run its own sweep, with the first job's port and world size left in the
environment. Here a rank is started with the overrides of this one job, in this job's folder, and
after the job its processes, process group and variables are gone.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from triptych import result as results
from triptych.garbage import lasting
from triptych.launch.ranks import Ranks
from triptych.launch.stopping import stoppable
from triptych.sweep import ENTRY

DDP_VARIABLES = (
    "LOCAL_RANK",
    "NODE_RANK",
    "WORLD_SIZE",
    "MASTER_ADDR",
    "MASTER_PORT",
    "PL_GLOBAL_SEED",
    "PL_SEED_WORKERS",
)


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
    resumed_from = results.read(Path(hydra.runtime.output_dir, results.FILE)).resumed_from
    command += [f'ckpt_path="{resumed_from}"'] if resumed_from else []
    return command, hydra.runtime.cwd


@contextmanager
def isolated_job(fail_fast: bool = False) -> Iterator[None]:
    """Around the body of a job: its ranks start as `child_command` says, and end with it.

    Args:
        fail_fast: whether its failure ends a sweep.

    Raises:
        Stopped: for any error of a single run, and with `fail_fast` of any job.
        JobFailed: for any error of a job in a sweep; the sweep goes on.
    """
    with stoppable(fail_fast), _own_processes():
        yield


@contextmanager
def _own_processes() -> Iterator[None]:
    with lasting():
        from lightning.fabric.strategies.launchers import subprocess_script as fabric
        from lightning.pytorch.strategies.launchers import subprocess_script as pytorch

    # Private names of Lightning 2.6, which a test watches. Patched in here, not at import:
    # workers of the joblib and submitit launchers never run the top level of train.py.
    modules: tuple[Any, ...] = (fabric, pytorch)
    stock = [(m._hydra_subprocess_cmd, m._launch_process_observer) for m in modules]
    before = {name: os.environ.get(name) for name in DDP_VARIABLES}
    ranks = Ranks() if "LOCAL_RANK" not in os.environ else None
    for module in modules:
        module._hydra_subprocess_cmd = child_command
        if ranks is not None:
            module._launch_process_observer = ranks.watch
    patience_s = 1.0
    try:
        yield
        patience_s = 30.0
    finally:
        if ranks is not None:
            ranks.end(patience_s)
        _leave_process_group()
        _restore(before)
        for module, functions in zip(modules, stock, strict=True):
            module._hydra_subprocess_cmd, module._launch_process_observer = functions


def _restore(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _leave_process_group() -> None:
    import torch.distributed as dist

    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()

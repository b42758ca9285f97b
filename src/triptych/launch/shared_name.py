"""One name for the folder of a run whose processes were started from outside.

Each of them reads the configuration for itself, with a clock of its own in the name of the folder.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta

from triptych.errors import InvalidSetting
from triptych.resolvers import RUN_NAME
from triptych.world import world

KEY = "triptych/run"
PATIENCE = timedelta(seconds=60)
# https://github.com/pytorch/pytorch/issues/135712, as of torch 2.13 so again.
STALE = (
    "warning: processes that torchrun starts again can meet what the first ones left in its store,"
    " and then wait in vain: start it with TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 and hydra.run.dir"
)


def share_name(arguments: Sequence[str], new: str) -> None:
    """Settles the name in the environment, where `${triptych.run_name:...}` finds it: under srun
    it is that of the job, which is the same again when the job is; under torchrun that which the
    first process to come has put in its store. Nothing where no launcher is at work.

    Args:
        arguments: the command line; who names the folder there needs no other name.
        new: a name that no other run has.

    Raises:
        InvalidSetting: if there is no way to agree.
    """
    place = world()
    if place is None or any(a.startswith("hydra.run.dir=") for a in arguments):
        return
    of_job = place.launcher == "srun"
    os.environ[RUN_NAME] = _of_job(os.environ) if of_job else _of_store(os.environ, new)


def _of_job(variables: Mapping[str, str]) -> str:
    step = variables["SLURM_STEP_ID"]
    return f"slurm-{variables['SLURM_JOB_ID']}" + (f".{step}" if step != "0" else "")


def _of_store(variables: Mapping[str, str], new: str) -> str:
    if variables.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        raise InvalidSetting(
            "hydra.run.dir: the processes of this torchrun share no store to agree on a folder in;"
            " set hydra.run.dir=FOLDER"
        )
    if variables.get("TORCHELASTIC_RESTART_COUNT", "0") != "0" and variables["RANK"] == "0":
        print(STALE, file=sys.stderr)
    from torch.distributed import TCPStore  # pyright: ignore[reportPrivateImportUsage]

    address, port = variables["MASTER_ADDR"], int(variables["MASTER_PORT"])
    store = TCPStore(address, port, is_master=False, timeout=PATIENCE)
    return store.compare_set(KEY, "", new).decode()

"""Which of a run's processes this one is, whoever started them: rank 0, torchrun or srun.

Read from the environment, because it is asked before there is a trainer. Nothing here imports
torch.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

SHELLS = ("bash", "interactive")
"""Names of SLURM jobs in which somebody types: what is started there is no task of the job."""


@final
@dataclass(frozen=True)
class World:
    """The processes that torchrun or srun started for one run, and this one among them.

    Attributes:
        launcher: `torchrun` or `srun`.
        rank: of this process, in [0, size).
        size: how many there are.
        nodes: machines that they are spread over, equally many on each.
        restarts: how often the launcher has started them again after an interruption.
    """

    launcher: str
    rank: int
    size: int
    nodes: int
    restarts: int


def world(variables: Mapping[str, str] | None = None) -> World | None:
    """The processes that were started from outside; None if this one was not started as one of
    several.

    Args:
        variables: of the environment.
    """
    names = os.environ if variables is None else variables
    if "TORCHELASTIC_RUN_ID" in names:
        size = int(names["WORLD_SIZE"])
        restarts = int(names.get("TORCHELASTIC_RESTART_COUNT", "0"))
        nodes = size // int(names.get("LOCAL_WORLD_SIZE", size))
        return World("torchrun", int(names["RANK"]), size, nodes, restarts)
    # A step is what srun starts; the script of a batch job has a rank too, but is none.
    if "SLURM_STEP_ID" in names and names.get("SLURM_JOB_NAME") not in SHELLS:
        size, nodes = int(names["SLURM_STEP_NUM_TASKS"]), int(names["SLURM_STEP_NUM_NODES"])
        restarts = int(names.get("SLURM_RESTART_COUNT", "0"))
        return World("srun", int(names["SLURM_PROCID"]), size, nodes, restarts)
    return None


def rank(variables: Mapping[str, str] | None = None) -> int:
    """Of this process in its run; 0 if it is alone."""
    names = os.environ if variables is None else variables
    place = world(names)
    if place is not None and place.size > 1:
        return place.rank
    # Who is alone may start others on its own machine, so that their local ranks are their ranks.
    return int(names.get("LOCAL_RANK", "0"))


def is_first_rank() -> bool:
    """Whether this process speaks for the run: rank 0, or the only one."""
    return rank() == 0

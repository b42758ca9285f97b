"""What a run has to say once, however many layers and processes find it out."""

import logging
from functools import cache

from torch import distributed as dist

from triptych.world import rank

log = logging.getLogger("triptych")


@cache
def say_once(line: str) -> None:
    """Logs the line the first time that this process has it to say, on the first rank."""
    ready = dist.is_available() and dist.is_initialized()
    # Before there is a process group, launchers say in the environment who a process will be.
    if (dist.get_rank() if ready else rank()) == 0:
        log.info("%s", line)

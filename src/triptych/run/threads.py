"""How many threads a CPU run should use."""

import os

SMALL_STEP = 1e9
"""FLOPs of a training step below which a second thread costs more than it brings.

Measured on 2 cores: 8 MFLOP steps (the default nets) take 16 times longer with 2 threads than with
1 when other work shares the machine, and about the same when nothing does.
"""


SMALL_BATCHED_STEP = 1e8
"""The same for replicas, whose operations are fewer and larger."""


def threads_for(
    flops_per_step: float, processes: int, cores: int | None = None, small: float = SMALL_STEP
) -> int:
    """Threads for one process: 1 for small steps, else its share of the cores; of both no more
    than the variable OMP_NUM_THREADS says.

    Args:
        small: FLOPs of a step below which it gets one.

    >>> threads_for(8e6, processes=1, cores=8), threads_for(5e9, processes=2, cores=8)
    (1, 4)
    """
    if flops_per_step < small:
        return 1
    said = os.environ.get("OMP_NUM_THREADS", "")
    share = max(1, (cores or os.cpu_count() or 1) // processes)
    return min(share, int(said)) if said.isdigit() and int(said) else share

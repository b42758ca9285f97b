"""How many threads a CPU run should use."""

import os

SMALL_STEP = 1e9
"""FLOPs of a training step below which a second thread costs more than it brings.

Measured on 2 cores: 8 MFLOP steps (the default nets) take 16 times longer with 2 threads than with
1 when other work shares the machine, and about the same when nothing does.
"""


def threads_for(flops_per_step: float, processes: int, cores: int | None = None) -> int:
    """Threads for one process: 1 for small steps, else its share of the cores.

    >>> threads_for(8e6, processes=1, cores=8), threads_for(5e9, processes=2, cores=8)
    (1, 4)
    """
    if flops_per_step < SMALL_STEP:
        return 1
    return max(1, (cores or os.cpu_count() or 1) // processes)

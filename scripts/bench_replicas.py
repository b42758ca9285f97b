"""Times replicas that are trained together against one run of the same net in the same process.

Usage: python scripts/bench_replicas.py [--quick] [--out FILE.json]

Both are whole fits as `train.py` composes them, with metrics, progress and CSV; a run of its own
also writes its checkpoints. Times are wall seconds, because replicas may use all cores and a run of
its own uses one: other work on the machine disturbs them. Data, nets and loggers are made outside
of the timings. The ratio is that of the two times: 16 runs one after the other would have 16.
"""

import os
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any

from bench_format import Row, arguments, median_interval, publish, ratios
from bench_training import Case, composed, prepare

from triptych.launch import FEW_SPINS
from triptych.run.build import Job, build_job
from triptych.run.replica import member_of
from triptych.run.replicas import fit_together
from triptych.run.train import prepare_cpu

DENSE = ("model/backbone=notebook", "model=ffn")


@dataclass(frozen=True)
class Kind:
    """What is trained.

    Attributes:
        name: of the net.
        overrides: what makes `train.py` train it.
        goal: for 16 replicas; None where the row only informs.
    """

    name: str
    overrides: Sequence[str]
    goal: float | None = None


KINDS = (
    Kind("notebook ffn (44k parameters)", DENSE, 5.0),
    Kind("residual ffn", ("model=ffn",), 3.5),
    Kind("residual sparse", ("model=sparse",)),
    Kind("residual sparse, RigL", ("model=sparse", "model/rule=rigl")),
    Kind("residual moe", ("model=moe",)),
)


def job_of(case: Case, seed: int, root: str, share: float = 1.0) -> tuple[Job, dict[str, Any]]:
    """A run that is ready to fit below a folder, and its configuration."""
    own = [f"seed={seed}", f"hydra.runtime.output_dir={root}/{seed}"]
    with composed(replace(case, overrides=[*case.overrides, *own])) as config:
        job = build_job(config, root, str(case), share)
        _ = job.data.example()  # made now, and kept
    return job, config


def alone(case: Case) -> float:
    """Seconds of one run."""
    with TemporaryDirectory() as root:
        job, _ = job_of(case, 0, root)
        prepare_cpu(job.module, job.data, processes=1)
        begin = time.perf_counter()
        job.trainer.fit(job.module, datamodule=job.data)
        return time.perf_counter() - begin


def together(case: Case, replicas: int) -> float:
    """Seconds of all replicas."""
    with TemporaryDirectory() as root:
        built = [job_of(case, seed, root, 1 / replicas) for seed in range(replicas)]
        members = [member_of(job, config, job.trainer.loggers) for job, config in built]
        return fit_together(members, [config for _, config in built], str(case), root)


def measure(kind: Kind, replicas: int, quick: bool) -> Row:
    """One kind of net."""
    samples, epochs, rounds = (1000, 1, 6) if quick else (8000, 6, 9)
    case = Case(kind.name, kind.overrides, samples, epochs, rounds, stock=False, logger="csv")
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
        quotients = ratios(lambda: together(case, replicas), lambda: alone(case), rounds)
    row = median_interval(quotients)
    return Row(str(case), f"{replicas} replicas", "one run", *row, kind.goal)


def main() -> None:
    """Measures, prints and, if asked, writes."""
    options = arguments(__doc__)
    if FEW_SPINS[0] not in os.environ:  # as `train.py` has it; read when torch was imported
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | dict([FEW_SPINS]))
    prepare()
    kinds = [kind for kind in KINDS if kind.goal or not options.quick]
    publish("replicas", [measure(kind, 16, options.quick) for kind in kinds], options.out)


if __name__ == "__main__":
    main()

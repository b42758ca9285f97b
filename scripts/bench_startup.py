"""Times what a user waits for: help, the configuration, and the first training step.

Each is the command as typed, in a new process. The end of the first step is noted by a callback
(`first_step.py`) that an override adds. Everything is logged, W&B offline. The baseline is one
second.

Goals are for wall time on an idle machine. CPU time of the process (user and system) is measured
beside it, as other work on the machine disturbs it less; the smallest of both are in the notes.

Usage: python scripts/bench_startup.py [--quick] [--out FILE.json]
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench_format import FEWEST_ROUNDS, Row, arguments, median_interval, publish

ROOT = Path(__file__).parents[1]
HELP_S, STEP_S = 0.5, 4.0
SHOWN = {"train.py --help": ["--help"], "train.py --cfg job": ["--cfg", "job"]}
PANELS = ("ffn", "moe")
INTERRUPTED = 130


class Taken(NamedTuple):
    """Seconds of one start."""

    wall: float
    cpu: float


def shown(typed: Sequence[str], variables: Mapping[str, str]) -> Taken:
    """Of a command that prints and ends.

    Raises:
        CalledProcessError: if it fails.
    """
    before = _children_s()
    start = time.perf_counter()
    _run(typed, variables, code=0)
    return Taken(time.perf_counter() - start, _children_s() - before)


def first_step(panel: str, variables: Mapping[str, str]) -> Taken:
    """Of a training until its first step is done.

    Raises:
        CalledProcessError: if it ends in another way.
    """
    with tempfile.TemporaryDirectory() as place:
        note = Path(place, "step")
        watching = ["first_step.FirstStep", str(note)]
        callback = [
            f"+callbacks.first_step.{key}={value}"
            for key, value in zip(("_target_", "file"), watching, strict=True)
        ]
        folders = [f"hydra.run.dir={place}/run", f"logger.wandb.folder={place}"]
        typed = [f"model={panel}", "trainer=cpu", "logger=many", *callback, *folders]
        start = time.time()
        _run(typed, variables, INTERRUPTED)
        end, cpu = map(float, note.read_text().split())
        return Taken(end - start, cpu)


def _run(typed: Sequence[str], variables: Mapping[str, str], code: int) -> None:
    command = [sys.executable, str(ROOT / "train.py"), *typed]
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run(command, cwd=place, env=variables, capture_output=True)
    if done.returncode != code:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def rows(case: str, taken: Sequence[Taken], goal: float) -> list[Row]:
    """Wall time with its goal, and CPU time, which informs."""
    walls, cpus = zip(*taken, strict=True)
    return [
        Row(case, "wall time", "one second", *median_interval(walls), goal),
        Row(case, "CPU time", "one second", *median_interval(cpus), None),
    ]


def main() -> None:
    """Measures in rounds, prints and, if asked, writes."""
    options = arguments(__doc__)
    rounds = FEWEST_ROUNDS if options.quick else 15
    path = os.pathsep.join([str(ROOT / "src"), str(Path(__file__).parent)])
    variables = os.environ | {"WANDB_MODE": "offline", "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    timers = {case: lambda typed=typed: shown(typed, variables) for case, typed in SHOWN.items()}
    timers |= {
        f"first step of model={panel}": lambda panel=panel: first_step(panel, variables)
        for panel in PANELS
    }
    for timer in timers.values():
        timer()  # warm: bytecode is written and files are in memory
    taken = [{case: timer() for case, timer in timers.items()} for _ in range(rounds)]
    found, notes = [], []
    for case in timers:
        every = [turn[case] for turn in taken]
        found += rows(case, every, HELP_S if case in SHOWN else STEP_S)
        walls, cpus = zip(*every, strict=True)
        notes.append(f"{case}, least of {rounds}: {min(walls):.2f} s, CPU {min(cpus):.2f} s")
    publish("startup", found, options.out, notes)


if __name__ == "__main__":
    main()

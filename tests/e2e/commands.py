"""Runs train.py, eval.py and scripts as a user does: as processes, in a folder of their own.

Most start warm, as forks of a process that has imported what is dear. `Commands.cold` starts
them as a user does, for what start-up itself could change.
"""

import csv
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from triptych.result import Result, find, read

from ..warm import Warm

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 300
MARK = "TRIPTYCH_TEST_MARK"
SMALL = ("debug=fast", "logger=csv")
# What a machine, a shell or a cluster may have set, and what a test must not inherit.
TRACKERS = ("WANDB_", "MLFLOW_", "TRACKIO_", "HF_", "DO_NOT_TRACK")
FOREIGN = (*TRACKERS, "HYDRA_", "PL_", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_", "SLURM_")

WANDB_FOLDERS = ("CACHE", "CONFIG", "DATA", "ARTIFACT")
NOBODY_LISTENS = "http://127.0.0.1:9"

Process = subprocess.Popen[str] | Warm
Start = Callable[[Sequence[str], Path, Mapping[str, str]], Process]
"""(script and arguments, working folder, environment) -> a process in a session of its own."""


@dataclass(frozen=True)
class Outcome:
    """What a command left behind.

    Attributes:
        folder: of the run or the sweep.
        mark: the value of `MARK` in the environment of the command and all that it started.
    """

    code: int
    out: str
    err: str
    folder: Path
    mark: str

    @property
    def result(self) -> Result:
        """The record of a single run."""
        return read(self.folder / "result.json")

    @property
    def jobs(self) -> list[Result]:
        """The records of a sweep, in the order of its jobs."""
        runs = sorted(find(self.folder), key=lambda run: int(run[0].name))
        return [result for _, result in runs]

    @property
    def numbers(self) -> dict[tuple[int, str], float]:
        """What `metrics.csv` of a single run has, by step and key."""
        text = (self.folder / "metrics.csv").read_text(encoding="utf-8")
        return {
            (int(row["step"]), key): float(cell)
            for row in csv.DictReader(text.splitlines())
            for key, cell in row.items()
            if cell and key != "step"
        }

    @property
    def errors(self) -> list[str]:
        """The lines by which the command says what was wrong."""
        return [line for line in self.err.splitlines() if line.startswith("error:")]


def program(command: Sequence[str], place: Path, environment: Mapping[str, str]) -> Process:
    """Any program."""
    return subprocess.Popen(
        command,
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Where the tests run in the background, Ctrl-C is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def cold(typed: Sequence[str], place: Path, environment: Mapping[str, str]) -> Process:
    """A script in a new interpreter."""
    return program([sys.executable, *typed], place, environment)


def surroundings() -> dict[str, str]:
    """The environment of the tests, without what is foreign to a command."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
    # More threads only wait for each other where tests share few cores.
    return kept | {"OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Commands:
    """Starts commands in `place`, which is neither the repository nor the output folder."""

    place: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    python: Start = cold

    @property
    def cold(self) -> "Commands":
        """The same, but each command is a new interpreter."""
        return replace(self, python=cold)

    def train(self, *overrides: str, name: str = "run") -> Outcome:
        """One small run into `place/name`."""
        folder = self.place / name
        return self.script("train.py", *SMALL, f"hydra.run.dir={folder}", *overrides, folder=folder)

    def sweep(self, *overrides: str, name: str = "sweep") -> Outcome:
        """A sweep of small runs into `place/name`."""
        folder = self.place / name
        typed = ("-m", *SMALL, f"hydra.sweep.dir={folder}", *overrides)
        return self.script("train.py", *typed, folder=folder)

    def evaluate(self, checkpoint: Path) -> dict[str, float]:
        """The test metrics that eval.py writes for a checkpoint; its output stays in `place`."""
        out = self.place / f"{uuid.uuid4().hex}.json"
        outcome = self.script("eval.py", f"ckpt_path={checkpoint}", f"out={out}")
        assert outcome.code == 0, outcome.err
        return json.loads(out.read_text())

    def script(self, name: str, *arguments: str, folder: Path | None = None) -> Outcome:
        """Any script of the repository, to its end."""
        process, mark = self.start(name, *arguments)
        try:
            out, err = process.communicate(timeout=TIMEOUT_S)
        finally:
            process.kill()
        return Outcome(process.returncode, out, err, folder or self.place, mark)

    def start(self, name: str, *arguments: str) -> tuple[Process, str]:
        """Any script of the repository, in a process group of its own; and its mark."""
        return self._start(self.python, str(ROOT / name), *arguments)

    def launch(self, *command: str) -> tuple[Process, str]:
        """Any program, in a process group of its own; and its mark."""
        return self._start(program, *command)

    def _start(self, how: Start, *command: str) -> tuple[Process, str]:
        self.place.mkdir(parents=True, exist_ok=True)
        mark = uuid.uuid4().hex
        return how(command, self.place, self._environment() | {MARK: mark}), mark

    def _environment(self) -> dict[str, str]:
        nowhere = {f"WANDB_{name}_DIR": str(self.place / "wandb-home") for name in WANDB_FOLDERS}
        account = {"NETRC": str(self.place / "no-netrc"), "WANDB_BASE_URL": NOBODY_LISTENS}
        return surroundings() | nowhere | account | dict(self.variables)


def survivors(mark: str) -> list[str]:
    """The command lines of the processes that carry a mark and still live."""
    wanted = f"{MARK}={mark}".encode()
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (process / "environ").read_bytes().split(b"\0"):
                lines.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it ended while we looked, or is not ours
            continue
    return lines


def checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint, read as a stranger should: without executing anything in it."""
    import torch

    return torch.load(path, weights_only=True)

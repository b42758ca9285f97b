"""Runs whose processes torchrun starts."""

import os
import signal
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from triptych.result import read

from .commands import MARK, ROOT, SMALL, Commands
from .test_interruption import wait_for_epochs, wait_until_none_survives

pytestmark = pytest.mark.slow

EPOCHS = 40
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")


def pid_of(rank: int, mark: str) -> int:
    """Of the process that torchrun has started as this rank."""
    wanted = {f"{MARK}={mark}".encode(), f"RANK={rank}".encode()}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if wanted <= set((process / "environ").read_bytes().split(b"\0")):
                return int(process.name)
        except OSError:  # it ended while we looked, or is not ours
            continue
    raise AssertionError(f"no process of rank {rank}")


def test_the_processes_share_a_folder_and_go_on_when_one_was_killed(commands: Commands) -> None:
    typed = ("model=moe", *SMALL, "trainer.devices=2")
    process, mark = commands.launch(
        *TORCHRUN,
        "--max-restarts=1",
        str(ROOT / "train.py"),
        *typed,
        f"trainer.max_epochs={EPOCHS}",
    )
    runs = commands.place / "logs" / "train" / "runs"
    try:
        table = first(runs)
        wait_for_epochs(table, process)
        os.kill(pid_of(1, mark), signal.SIGKILL)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, err
    (folder,) = runs.iterdir()
    result = read(folder / "result.json")
    assert (result.status, result.epochs) == ("finished", EPOCHS)
    assert result.device["processes"] == 2
    assert result.resumed_from == str(folder / "checkpoints" / "last.ckpt")
    assert pd.read_csv(folder / "metrics.csv")["step"].is_unique
    assert out.count("test accuracy") == 1
    wait_until_none_survives(mark)


def first(runs: Path, seconds: float = 120) -> Path:
    """The table of the first run in a folder of runs, which may be still to come."""
    deadline = time.monotonic() + seconds
    while not (tables := list(runs.glob("*/metrics.csv"))):
        assert time.monotonic() < deadline, f"no run after {seconds} s"
        time.sleep(0.05)
    return tables[0]

"""Runs whose processes torchrun starts."""

import os
import signal
import sys
from pathlib import Path

import pandas as pd
import pytest

from triptych.result import read

from .commands import MARK, ROOT, SMALL, TIMEOUT_S, Commands
from .test_interruption import wait_until_none_survives
from .test_slurm import in_second_epoch

pytestmark = pytest.mark.slow

EPOCHS = 30
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


def test_the_processes_go_on_together_when_one_was_killed(commands: Commands) -> None:
    folder = commands.place / "run"
    typed = ("model=moe", *SMALL, "trainer.devices=2", f"hydra.run.dir={folder}")
    # By default the processes that start again can meet what the first ones left in the store.
    fresh = Commands(commands.place, {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"})
    process, mark = fresh.launch(
        *TORCHRUN,
        "--max-restarts=1",
        str(ROOT / "train.py"),
        *typed,
        f"trainer.max_epochs={EPOCHS}",
    )
    try:
        in_second_epoch(folder)
        os.kill(pid_of(1, mark), signal.SIGKILL)
        out, err = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
    assert process.returncode == 0, err
    result = read(folder / "result.json")
    assert (result.status, result.epochs) == ("finished", EPOCHS)
    assert result.device["processes"] == 2
    assert result.resumed_from == str(folder / "checkpoints" / "last.ckpt")
    assert pd.read_csv(folder / "metrics.csv")["step"].is_unique
    assert out.count("test accuracy") == 1
    wait_until_none_survives(mark)

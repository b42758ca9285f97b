"""Runs that a signal ends in the midst of an epoch, and that go on from there."""

import signal
from pathlib import Path

import pandas as pd
import pytest

from triptych.result import read

from ..alike import same
from .commands import SMALL, TIMEOUT_S, Commands, checkpoint
from .test_slurm import in_second_epoch

pytestmark = pytest.mark.slow

# 300 steps in each of 3 epochs.
EPOCHS = ("data.n_train=4800", "data.batch_size=16", "trainer.max_epochs=3")
LONG = ("model=moe", "model/router=bias_topk", *EPOCHS)


def ended(commands: Commands) -> Path:
    """The last checkpoint of a run that was warned in its second epoch or later."""
    folder = commands.place / "parts"
    process, _ = commands.start("train.py", *SMALL, f"hydra.run.dir={folder}", *LONG)
    try:
        in_second_epoch(folder)
        process.send_signal(signal.SIGUSR1)
        _, err = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
    assert process.returncode == 75, err
    last = folder / "checkpoints" / "last.ckpt"
    step = checkpoint(last)["global_step"]
    assert err.splitlines()[-2:] == [f"{last} goes on after step {step}", "preempted"]
    assert read(folder / "result.json").status == "interrupted"
    return last


def test_a_run_that_goes_on_is_the_one_that_never_stopped(commands: Commands) -> None:
    last = ended(commands)
    assert "partial_epoch" in checkpoint(last)
    resumed = commands.train(*LONG, f"ckpt_path={last}", name="parts")
    whole = commands.train(*LONG, name="whole")
    assert (resumed.code, whole.code) == (0, 0), resumed.err
    ends = [checkpoint(run.folder / "checkpoints" / "last.ckpt") for run in (resumed, whole)]
    for part in ("state_dict", "optimizer_states", "lr_schedulers", "global_step"):
        same(ends[0][part], ends[1][part])
    curves = [curve(run.folder / "metrics.csv") for run in (resumed, whole)]
    pd.testing.assert_frame_equal(*curves, check_exact=True)
    assert resumed.result.metrics["test"] == whole.result.metrics["test"]


def curve(table: Path) -> pd.DataFrame:
    """All metrics but for times."""
    metrics = pd.read_csv(table)
    return metrics.drop(columns=list(metrics.filter(like="time/")))

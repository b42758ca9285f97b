"""Sweeps that are killed at random moments and repeated end as if nothing had happened.

`make soak` kills more often: SOAK is how often.
"""

import os
import random
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

from triptych.result import find

from .commands import SMALL, Commands, Outcome
from .test_interruption import wait_until_none_survives

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("SOAK", "3"))
ALONE = ("model=ffn,sparse,moe", f"trainer.max_epochs={20 * KILLS}")
TOGETHER = ("model=moe", "trainer.devices=1,2", f"trainer.max_epochs={10 * KILLS}")


@pytest.mark.parametrize(
    ("typed", "kills"), [(ALONE, KILLS), (TOGETHER, (KILLS + 2) // 3)], ids=["alone", "together"]
)
def test_a_sweep_that_was_killed_ends_as_one_that_was_not(
    commands: Commands, typed: tuple[str, ...], kills: int
) -> None:
    whole = commands.sweep(*typed, name="whole")
    assert whole.code == 0, whole.err
    folder = commands.place / "killed"
    moments = random.Random(0)
    hits = [kill_at(moments.uniform(0, 5), folder, commands, *typed) for _ in range(kills)]
    assert any(hits), "it had ended each time"
    killed = commands.script("train.py", f"sweep.resume={folder}", folder=folder)
    assert killed.code == 0, killed.err
    assert killed.out.splitlines()[-1] == whole.out.splitlines()[-1]
    wait_until_none_survives(killed.mark)
    jobs = range(len(whole.jobs))
    assert [r.metrics["test"] for r in killed.jobs] == [r.metrics["test"] for r in whole.jobs]
    assert [curve(killed, job) for job in jobs] == [curve(whole, job) for job in jobs]
    assert numbers(killed) == numbers(whole)


def kill_at(seconds: float, folder: Path, commands: Commands, *typed: str) -> bool:
    """Starts the sweep, or goes on with it, and kills it so long after its first job began; whether
    it was still at work."""
    before = started(folder)
    resume = [f"sweep.resume={folder}"]
    first = ["-m", *SMALL, f"hydra.sweep.dir={folder}", *typed]
    process, mark = commands.start("train.py", *(resume if before else first))
    deadline = time.monotonic() + 120
    while started(folder) == before and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(seconds)
    at_work = process.poll() is None
    if at_work:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    wait_until_none_survives(mark)
    return at_work


def started(folder: Path) -> dict[str, str]:
    """When each job was started last."""
    return {run.name: result.started + result.status for run, result in find(folder)}


def curve(sweep: Outcome, job: int) -> str:
    """All that was measured but times, and the churn of routes: just after a resumption there is
    none."""
    table = pd.read_csv(sweep.folder / str(job) / "metrics.csv")
    timed = [*table.filter(like="time/"), *table.filter(regex="moe/.*/churn")]
    return table.drop(columns=timed).to_csv()


def numbers(sweep: Outcome) -> str:
    """The table of a sweep but for times."""
    table = pd.read_csv(sweep.folder / "report" / "table.csv")
    return table.drop(columns=["seconds", "samples_per_s", "step_ms"]).to_csv()

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from triptych.result import read

from .commands import SMALL, Commands, Process, survivors

pytestmark = pytest.mark.slow

LONG = (*SMALL, "trainer.max_epochs=100000")
Stop = Callable[[Process], None]


def kill(process: Process) -> None:
    process.kill()


def press_ctrl_c(process: Process) -> None:
    # A terminal sends it to the whole group, so to the ranks too.
    os.killpg(process.pid, signal.SIGINT)


def terminate(process: Process) -> None:
    process.terminate()


def stopped(commands: Commands, stop: Stop, *overrides: str) -> tuple[int, str, Path, str]:
    """Starts a long run, stops it in its third epoch or later; exit code, stderr, folder, mark."""
    folder = commands.place / "run"
    process, mark = commands.start("train.py", *LONG, f"hydra.run.dir={folder}", *overrides)
    try:
        wait_for_epochs(folder / "metrics.csv", process)
        stop(process)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, err, folder, mark


def wait_for_epochs(table: Path, process: Process, seconds: float = 120) -> None:
    """Waits until a metrics table tells of two epochs."""
    deadline = time.monotonic() + seconds
    while not table.exists() or len(table.read_text().splitlines()) < 3:
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < deadline, f"no second epoch after {seconds} s"
        time.sleep(0.05)


def wait_until_none_survives(mark: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while left := survivors(mark):
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


def test_a_killed_run_is_left_as_running_with_the_metrics_so_far(commands: Commands) -> None:
    code, _, folder, _ = stopped(commands, kill)
    assert code == -signal.SIGKILL
    result = read(folder / "result.json")
    assert (result.status, result.metrics, result.ended) == ("running", {}, "")
    table = pd.read_csv(folder / "metrics.csv")
    assert table[["train/loss", "val/loss"]].iloc[:-1].notna().all(axis=None)


@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize(
    ("stop", "code", "word"), [(press_ctrl_c, 130, "interrupted"), (terminate, 143, "terminated")]
)
def test_an_interruption_is_recorded_and_ends_all_processes(
    commands: Commands, stop: Stop, code: int, word: str, devices: int
) -> None:
    ended, err, folder, mark = stopped(commands, stop, f"trainer.devices={devices}")
    assert ended == code
    assert err.splitlines()[-1] == word
    assert err.count(word) == 1
    assert "Traceback" not in err
    result = read(folder / "result.json")
    assert result.status == "interrupted"
    assert result.ended
    assert len(pd.read_csv(folder / "metrics.csv")) >= 1
    wait_until_none_survives(mark)


def test_spread_experts_are_interrupted_as_copies_are(commands: Commands) -> None:
    spread = ("model=moe", "trainer=expert_parallel", "trainer.devices=2")
    ended, err, folder, mark = stopped(commands, press_ctrl_c, *spread)
    assert (ended, err.splitlines()[-1]) == (130, "interrupted")
    assert "Traceback" not in err
    assert read(folder / "result.json").status == "interrupted"
    wait_until_none_survives(mark)


def test_ranks_do_not_outlive_a_killed_rank_0(commands: Commands) -> None:
    _, _, _, mark = stopped(commands, kill, "trainer.devices=2")
    wait_until_none_survives(mark)


@pytest.mark.parametrize(("stop", "code"), [(press_ctrl_c, 130), (terminate, 143)])
def test_an_interrupted_sweep_shows_what_was_done(
    commands: Commands, stop: Stop, code: int
) -> None:
    folder = commands.place / "sweep"
    typed = (*SMALL, f"hydra.sweep.dir={folder}", "trainer.max_epochs=1,100000,2")
    process, mark = commands.start("train.py", "-m", *typed)
    wait_for_epochs(folder / "1" / "metrics.csv", process)
    stop(process)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert out.splitlines()[-1] == "1 done, 1 interrupted, 1 not started"
    statuses = [read(folder / job / "result.json").status for job in ("0", "1")]
    assert statuses == ["finished", "interrupted"]
    assert not (folder / "2").exists()
    wait_until_none_survives(mark)

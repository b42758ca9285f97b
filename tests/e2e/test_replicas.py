"""Replicas that one command trains together are the runs that they would have been alone."""

import os
import signal
from pathlib import Path

import pandas as pd
import pytest

from triptych.result import Result, find, read

from ..tracking.wandb_log import closed_runs
from .commands import SMALL, Commands, Outcome
from .test_interruption import press_ctrl_c, wait_for_epochs, wait_until_none_survives

pytestmark = pytest.mark.slow

# Double: what differs is no rounding. Such a rate that the last epoch is not the best of all.
MOE = ("model=moe", "trainer.precision=64-true", "trainer.max_epochs=6", "model.lr=0.1")
SEEDS = (4, 5, 6)


@pytest.fixture(scope="module")
def together(shared: Commands) -> Outcome:
    done = shared.train("replicas=3", "seed=4", *MOE, name="together")
    assert done.code == 0, done.err
    return done


@pytest.fixture(scope="module")
def alone(shared: Commands) -> Outcome:
    """Each seed by itself, one after the other."""
    done = shared.sweep("seed=4,5,6", *MOE, name="alone")
    assert done.code == 0, done.err
    return done


def curves(run: Path) -> pd.DataFrame:
    """All that was measured but times."""
    table = pd.read_csv(run / "metrics.csv")
    return table.drop(columns=[*table.filter(like="time/")])


def same(ours: object, theirs: object) -> bool:
    """Equal, numbers but for rounding in double precision."""
    return ours == pytest.approx(theirs, rel=1e-9, abs=1e-10, nan_ok=True)


def assert_same_records(ours: Result, theirs: Result) -> None:
    """As far as records of the same settings can agree."""
    for key in ("status", "name", "panel", "seed", "config_hash", "epochs", "steps", "versions"):
        assert getattr(ours, key) == getattr(theirs, key), key
    for key in ("metrics", "cost"):
        mine, other = getattr(ours, key), getattr(theirs, key)
        assert list(mine) == list(other)
        for part in mine:
            left, right = mine[part], other[part]
            if isinstance(left, dict):
                timed = {name for name in left if name.startswith("time/")}
                left, right = (
                    {k: v for k, v in d.items() if k not in timed} for d in (left, right)
                )
            assert same(left, right), (key, part)
    assert leaves(ours.tables) == pytest.approx(leaves(theirs.tables), abs=1e-9, nan_ok=True)
    assert list(ours.seconds) == list(theirs.seconds)
    assert ours.device == theirs.device


def leaves(node: object) -> list[float]:
    """The numbers of nested tables."""
    if isinstance(node, dict):
        return [x for part in node.values() for x in leaves(part)]
    if isinstance(node, list):
        return [x for part in node for x in leaves(part)]
    return [float(node)] if isinstance(node, int | float) else []


def test_each_has_the_curves_of_its_own_run(together: Outcome, alone: Outcome) -> None:
    for place in range(len(SEEDS)):
        ours, theirs = (curves(sweep.folder / str(place)) for sweep in (together, alone))
        pd.testing.assert_frame_equal(ours, theirs, rtol=1e-9, atol=1e-10)


def test_each_has_the_record_of_its_own_run(together: Outcome, alone: Outcome) -> None:
    assert [result.seed for result in together.jobs] == list(SEEDS)
    overtaken: list[bool] = []
    for ours, theirs in zip(together.jobs, alone.jobs, strict=True):
        assert_same_records(ours, theirs)
        assert sorted(ours.command.split()) == sorted(theirs.command.split())
        best, last = (ours.metrics[name]["val/acc"] for name in ("best", "final"))
        overtaken.append(best > last)
    assert any(overtaken), "else the last checkpoint would do"
    assert len({result.id for result in together.jobs}) == len(SEEDS)


def test_each_has_the_files_of_its_own_run(together: Outcome, alone: Outcome) -> None:
    for place in range(len(SEEDS)):
        ours, theirs = (
            {file.relative_to(run) for file in run.glob("[!.]*/*") if file.name != "last.ckpt"}
            | {file.relative_to(run) for file in run.glob("[!.]*")}
            for run in (together.folder / str(place), alone.folder / str(place))
        )
        assert ours == theirs


def test_a_checkpoint_stands_for_itself(together: Outcome, shared: Commands) -> None:
    run = together.folder / "1"
    measured = shared.evaluate(run / "checkpoints" / "best.ckpt")
    assert measured == pytest.approx(read(run / "result.json").metrics["test"], abs=1e-6)


def test_they_are_summed_up_in_a_line(together: Outcome) -> None:
    accuracies = pd.Series([result.metrics["test"]["test/acc"] for result in together.jobs])
    what = f"test accuracy {accuracies.mean():.4f} ± {accuracies.std():.4f}"
    assert together.out.splitlines()[-1] == f"3 replicas: {what}, in {together.folder}"
    assert "3 runs: moe, seeds 4 to 6: epoch 6 of 6" in together.out + together.err


def test_report_and_dashboard_read_the_whole_folder(together: Outcome, shared: Commands) -> None:
    folder, page, board = str(together.folder), shared.place / "page", shared.place / "board.html"
    reported = shared.script("scripts/report.py", folder, "--out", str(page))
    assert reported.code == 0, reported.err
    assert list(pd.read_csv(page / "table.csv")["runs"]) == [3]
    drawn = shared.script("scripts/dashboard.py", folder, "--out", str(board), "--no-open")
    assert drawn.code == 0, drawn.err
    assert all(f"moe-s{seed}" in board.read_text(encoding="utf-8") for seed in SEEDS)


def test_replicas_of_each_job_of_a_sweep_are_counted(commands: Commands) -> None:
    sweep = commands.sweep("seed=0,8", "replicas=1,2", "trainer.max_epochs=1")
    assert sweep.code == 0, sweep.err
    assert sweep.out.splitlines()[-1] == "6 done"
    jobs = pd.read_csv(sweep.folder / "jobs.csv")["job"]
    assert sorted(jobs) == ["0", "1/0", "1/1", "2", "3/0", "3/1"]
    assert sorted(result.seed for _, result in find(sweep.folder)) == [0, 0, 1, 8, 8, 9]


def test_all_that_fail_are_said_and_recorded(commands: Commands) -> None:
    run = commands.train("replicas=2", "model.lr=1e30")
    assert run.code == 1
    failed = [line for line in run.err.splitlines() if line.startswith("failed")]
    assert [("seed=0:" in line, "seed=1:" in line) for line in failed] == [
        (True, False),
        (False, True),
    ]
    assert run.errors == [
        f"error: 2 of 2 replicas failed, see {run.folder / '0'}, {run.folder / '1'}"
    ]
    assert "Traceback" not in run.err
    assert [(r.status, (r.error or {})["type"]) for r in run.jobs] == [
        ("failed", "TrainingDiverged")
    ] * 2


def test_an_interruption_is_recorded_by_all(commands: Commands) -> None:
    folder = commands.place / "run"
    typed = (*SMALL, "trainer.max_epochs=100000", "replicas=3", f"hydra.run.dir={folder}")
    process, mark = commands.start("train.py", *typed)
    try:
        wait_for_epochs(folder / "2" / "metrics.csv", process)
        press_ctrl_c(process)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, err.splitlines()[-1]) == (130, "interrupted")
    assert "Traceback" not in err
    results = [read(folder / str(place) / "result.json") for place in range(3)]
    assert [result.status for result in results] == ["interrupted"] * 3
    assert all(result.ended for result in results)
    wait_until_none_survives(mark)


def test_a_killed_program_leaves_all_as_running(commands: Commands) -> None:
    folder = commands.place / "run"
    typed = (*SMALL, "trainer.max_epochs=100000", "replicas=2", f"hydra.run.dir={folder}")
    process, mark = commands.start("train.py", *typed)
    wait_for_epochs(folder / "1" / "metrics.csv", process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    wait_until_none_survives(mark)
    assert [read(folder / str(place) / "result.json").status for place in (0, 1)] == ["running"] * 2


@pytest.mark.wandb_protocol
def test_each_is_a_run_of_its_own_for_wandb(commands: Commands) -> None:
    typed = ("replicas=2", "logger=wandb", "logger.wandb.mode=offline")
    run = commands.train(*typed)
    assert run.code == 0, run.err
    logged = closed_runs(commands.place / "logs")
    assert [told.name for told in logged] == ["ffn-s0", "ffn-s1"]
    assert [told.id for told in logged] == [result.id for result in run.jobs]
    assert [told.exit_code for told in logged] == [0, 0]
    for told, result in zip(logged, run.jobs, strict=True):
        assert told.config["seed"] == result.seed
        table = pd.read_csv(run.folder / str(result.seed) / "metrics.csv")
        losses = dict(table[["step", "val/loss"]].dropna().itertuples(index=False))
        assert dict(told.curve("val/loss")) == pytest.approx(losses)
        assert told.curve("test/acc")[-1][1] == result.metrics["test"]["test/acc"]

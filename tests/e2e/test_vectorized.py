"""`sweep.vectorize=true` changes how jobs are trained, and nothing that they leave behind."""

import os
import signal
from pathlib import Path

import pandas as pd
import pytest

from triptych import study
from triptych.result import find, read

from .commands import SMALL, Commands, Outcome
from .test_interruption import wait_for_epochs, wait_until_none_survives
from .test_replicas import assert_same_records, curves
from .test_studies import NAME, SHORT

pytestmark = pytest.mark.slow

TOGETHER = "sweep.vectorize=true"
GRID = ("model=ffn,moe", "seed=0,1", "model.lr=0.003,0.01", "trainer.precision=64-true")
LONG = ("model=ffn", "seed=0,1", "model.lr=0.003,0.01", "trainer.max_epochs=400")


@pytest.fixture(scope="module")
def plain(shared: Commands) -> Outcome:
    return shared.sweep(*GRID, name="plain")


@pytest.fixture(scope="module")
def vectorized(shared: Commands) -> Outcome:
    return shared.sweep(*GRID, TOGETHER, name="vectorized")


def test_all_jobs_are_those_of_the_sweep_without_it(vectorized: Outcome, plain: Outcome) -> None:
    assert vectorized.code == plain.code == 0, vectorized.err
    assert vectorized.out.splitlines()[-1] == plain.out.splitlines()[-1] == "8 done"
    assert [file.name for file in sorted((vectorized.folder / "groups").glob("*.json"))] == [
        "0.json",
        "4.json",
    ]
    for job, (ours, theirs) in enumerate(zip(vectorized.jobs, plain.jobs, strict=True)):
        mine = [o for o in ours.overrides if not o.startswith("sweep.")]
        assert sorted(mine) == sorted(theirs.overrides)
        assert_same_records(ours, theirs)
        folders = (sweep.folder / str(job) for sweep in (vectorized, plain))
        pd.testing.assert_frame_equal(*(curves(f) for f in folders), rtol=1e-9, atol=1e-10)


def test_ledger_and_page_are_those_of_the_sweep_without_it(
    vectorized: Outcome, plain: Outcome
) -> None:
    for columns, file in ((["job", "status", "name"], "jobs.csv"), (["runs"], "report/table.csv")):
        ours, theirs = (pd.read_csv(s.folder / file)[columns] for s in (vectorized, plain))
        pd.testing.assert_frame_equal(ours, theirs)
    assert (vectorized.folder / "report" / "index.html").is_file()


def test_what_is_done_is_not_done_again(vectorized: Outcome, shared: Commands) -> None:
    record = vectorized.folder / "5" / "result.json"
    times = {
        run.name: (run / "result.json").stat().st_mtime_ns for run, _ in find(vectorized.folder)
    }
    wanted = read(record).metrics["test"]
    record.unlink()
    again = shared.script("train.py", f"sweep.resume={vectorized.folder}", folder=vectorized.folder)
    assert again.code == 0, again.err
    assert again.out.count("done before") == 7
    assert again.out.splitlines()[-1] == "8 done"
    now = {run.name: (run / "result.json").stat().st_mtime_ns for run, _ in find(vectorized.folder)}
    assert {job for job in now if now[job] != times[job]} == {"5"}
    assert read(record).metrics["test"] == pytest.approx(wanted, abs=1e-9)


def test_groups_run_side_by_side_by_another_launcher(shared: Commands, plain: Outcome) -> None:
    joblib = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    sweep = shared.sweep(*GRID, TOGETHER, *joblib, name="joblib")
    assert sweep.code == 0, sweep.err
    for ours, theirs in zip(sweep.jobs, plain.jobs, strict=True):
        assert_same_records(ours, theirs)
    wait_until_none_survives(sweep.mark)


def test_a_sweep_that_was_killed_ends_as_one_that_was_not(commands: Commands) -> None:
    whole = commands.sweep(*LONG, TOGETHER, name="whole")
    assert whole.code == 0, whole.err
    folder = commands.place / "killed"
    typed = ("-m", *SMALL, f"hydra.sweep.dir={folder}", *LONG, TOGETHER)
    process, mark = commands.start("train.py", *typed)
    wait_for_epochs(folder / "3" / "metrics.csv", process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    wait_until_none_survives(mark)
    assert [r.status for _, r in find(folder)] == ["running"] * 4
    resumed = commands.script("train.py", f"sweep.resume={folder}", folder=folder)
    assert resumed.code == 0, resumed.err
    assert resumed.out.splitlines()[-1] == "4 done"
    assert [r.metrics["test"] for r in resumed.jobs] == [r.metrics["test"] for r in whole.jobs]
    for job in range(4):
        ours, theirs = (curves(sweep.folder / str(job)) for sweep in (resumed, whole))
        pd.testing.assert_frame_equal(ours, theirs)


def test_one_that_diverges_stops_no_other(commands: Commands) -> None:
    sweep = commands.sweep("seed=0,1", "model.lr=0.01,1e30", TOGETHER)
    assert sweep.code == 1
    assert sweep.out.splitlines()[-1] == "2 done, 2 failed"
    assert [r.status for r in sweep.jobs] == ["finished", "failed"] * 2
    failed = [line for line in sweep.err.splitlines() if line.startswith("failed")]
    assert [("seed=0" in line, "seed=1" in line) for line in failed] == [
        (True, False),
        (False, True),
    ]
    assert "Traceback" not in sweep.err


def test_one_that_cannot_be_built_stops_no_other(commands: Commands) -> None:
    sweep = commands.sweep("model=sparse", "model.sparsity=0.5,1.0", TOGETHER)
    assert sweep.code == 1
    assert [r.status for r in sweep.jobs] == ["finished", "failed"]
    assert "sparsity must be in [0, 1), got 1.0" in (sweep.jobs[1].error or {})["message"]


def test_pairs_that_cannot_be_are_skipped(commands: Commands) -> None:
    sweep = commands.sweep("model=moe", "seed=0,1", "model.top_k=2,9", TOGETHER)
    assert sweep.code == 0, sweep.err
    assert sweep.out.splitlines()[-1] == "2 done, 2 skipped"


def test_the_first_failure_can_end_it(commands: Commands) -> None:
    typed = ("model=moe,ffn", "model.lr=0.01,1e30", "sweep.fail_fast=true", TOGETHER)
    sweep = commands.sweep(*typed)
    assert sweep.code == 1
    assert sweep.out.splitlines()[-1] == "1 done, 1 failed, 2 not started"


@pytest.mark.parametrize("setting", ["callbacks=ema", "trainer.devices=2"])
def test_what_cannot_go_in_lockstep_goes_one_after_the_other(
    commands: Commands, setting: str
) -> None:
    sweep = commands.sweep("model.lr=1e30,0.01", setting, "trainer.max_epochs=1", TOGETHER)
    assert sweep.code == 1
    assert sweep.err.count("one after the other: ") == 1
    assert "sweep.group" not in sweep.err, "the group as such has not failed"
    assert [r.status for r in sweep.jobs] == ["failed", "finished"]
    assert sweep.out.splitlines()[-1] == "1 done, 1 failed"
    wait_until_none_survives(sweep.mark)


def test_what_turns_out_not_to_fit_goes_one_after_the_other(commands: Commands) -> None:
    foreign = ("optimizer._target_=torch.optim.Adamax", "~optimizer.fused")
    sweep = commands.sweep("seed=0,1", *foreign, "trainer.max_epochs=1", TOGETHER)
    assert sweep.code == 0, sweep.err
    assert "one after the other: optimizer=Adamax is not for replicas" in sweep.err
    assert "skipped" not in sweep.err
    assert sweep.out.splitlines()[-1] == "2 done"


def test_a_study_measures_what_it_measures_without_it(commands: Commands) -> None:
    def table(folder: Path, *typed: str) -> pd.DataFrame:
        done = commands.script("train.py", NAME, *SHORT, f"hydra.sweep.dir={folder}", *typed)
        assert done.code == 0, done.err
        record = study.read(folder)
        assert record is not None
        assert f"{len(record.trials)} done" in done.out
        columns = ["stage", "cell", "arm", "seed", "rate", "best_val", "test_acc"]
        found = pd.read_csv(folder / "report" / "runs.csv")
        return found[columns]

    double = "trainer.precision=64-true"
    ours = table(commands.place / "together", double, TOGETHER)
    theirs = table(commands.place / "alone", double)
    pd.testing.assert_frame_equal(ours, theirs, rtol=0, atol=1e-4)

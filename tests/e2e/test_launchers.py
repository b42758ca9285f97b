"""Sweeps by launchers that start jobs in processes of their own."""

import pytest

from .commands import Commands, Outcome
from .test_interruption import wait_until_none_survives

pytestmark = pytest.mark.slow

GOOD = ("model=moe", "model.lr=3e-3", "trainer.devices=1,2")
MIXED = ("model=moe", "model.lr=3e-3,1e9", "trainer.devices=1,2")
STATUSES = ["finished", "finished", "failed", "failed"]
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")


@pytest.fixture(scope="module")
def basic(shared: Commands) -> Outcome:
    """One job after the other, in one process."""
    return shared.sweep(*MIXED, name="basic")


@pytest.fixture(scope="module")
def joblib(shared: Commands) -> Outcome:
    return shared.sweep(*MIXED, *JOBLIB, name="joblib")


@pytest.fixture(scope="module")
def submitit(shared: Commands) -> Outcome:
    return shared.sweep(*GOOD, "hydra/launcher=submitit_local", name="submitit")


def test_jobs_side_by_side_end_as_they_do_one_after_the_other(
    basic: Outcome, joblib: Outcome
) -> None:
    assert joblib.code == basic.code == 1, joblib.err
    assert joblib.out.splitlines()[-1] == basic.out.splitlines()[-1] == "2 done, 2 failed"
    assert [r.status for r in joblib.jobs] == [r.status for r in basic.jobs] == STATUSES
    check_alike(joblib, basic)


def test_jobs_that_were_submitted_end_as_others(basic: Outcome, submitit: Outcome) -> None:
    assert submitit.code == 0, submitit.err
    assert submitit.out.splitlines()[-1] == "2 done"
    check_alike(submitit, basic)


def check_alike(ours: Outcome, theirs: Outcome) -> None:
    """As far as both have jobs."""
    for one, other in zip(ours.jobs, theirs.jobs, strict=False):
        assert one.metrics.get("test") == other.metrics.get("test")
        assert one.config_hash == other.config_hash
        assert one.device.get("processes") == other.device.get("processes")


def test_no_process_is_left(joblib: Outcome, submitit: Outcome) -> None:
    for sweep in (joblib, submitit):
        wait_until_none_survives(sweep.mark)


def test_a_sweep_goes_on_with_the_launcher_that_it_had(joblib: Outcome, shared: Commands) -> None:
    records = [joblib.folder / str(job) / "result.json" for job in range(4)]
    before = [record.stat().st_mtime_ns for record in records]
    again = shared.script("train.py", f"sweep.resume={joblib.folder}", folder=joblib.folder)
    assert again.code == 1
    assert "Joblib.Parallel(n_jobs=2" in again.out
    assert again.out.splitlines()[-1] == "2 done, 2 failed"
    written = [record.stat().st_mtime_ns > old for record, old in zip(records, before, strict=True)]
    assert written == [False, False, True, True]

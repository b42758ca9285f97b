import math
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hydra.core.utils import JobReturn, JobStatus

from triptych.errors import Stopped
from triptych.study import read
from triptych.sweep import run_study
from triptych.sweep.note import Note, read_note

from ..test_study import PLAIN


class Trainer:
    """Launches nothing: the score of a job is a function of its overrides."""

    def __init__(self, best: float, broken: Sequence[str] = ()) -> None:
        self.best, self.broken = best, broken
        self.launched: list[list[str]] = []
        self.first: list[int] = []

    def __call__(self, batch: Sequence[list[str]], initial_job_idx: int) -> list[JobReturn]:
        self.launched += batch
        self.first.append(initial_job_idx)
        return [self._returned(job) for job in batch]

    def _returned(self, job: list[str]) -> JobReturn:
        rate = next(float(o.partition("=")[2]) for o in job if o.startswith("model.lr="))
        failed = any(o in self.broken for o in job)
        job_return = JobReturn()
        job_return.status = JobStatus.FAILED if failed else JobStatus.COMPLETED
        job_return.return_value = (
            RuntimeError("no") if failed else -abs(math.log10(rate / self.best))
        )
        return job_return


def run(folder, trainer: Trainer, arguments: Sequence[str] = (), **changes: Any):
    Note(1, str(folder / "report"), [], []).write(folder)
    return run_study({**PLAIN, **changes}, list(arguments), folder, trainer, lambda batch: None)


def chosen(folder) -> dict[tuple[str, str], float]:
    record = read(folder)
    assert record is not None
    return {(cell, arm): rate for cell, arm, rate in record.chosen}


@pytest.mark.parametrize(("best", "rate"), [(0.001, 0.001), (0.1, 0.1), (1e-9, 0.0001), (9, 0.1)])
def test_each_arm_is_compared_with_the_best_of_its_rates(tmp_path, best, rate):
    """Rates .001 and .01 at first and 4 at most: both ends are open, by two steps."""
    trainer = Trainer(best)
    run(tmp_path, trainer)
    limit = {1e-9: 1e-5, 9: 1.0}.get(best, rate)
    assert set(chosen(tmp_path).values()) == {limit}
    compared = [job for job in trainer.launched if "seed=100" not in job]
    assert len(compared) == 5 * 2
    assert all(f"model.lr={limit:g}" in job for job in compared)


def test_every_arm_gets_equally_many_tries_where_all_are_alike(tmp_path):
    trainer = Trainer(0.003)
    run(tmp_path, trainer)
    tries = [tuple(job[:-2]) for job in trainer.launched if "seed=100" in job]
    assert {tries.count(arm) for arm in tries} == {3}


def test_jobs_are_numbered_through_all_stages_and_the_sweep_knows_how_many(tmp_path):
    trainer = Trainer(0.1)
    run(tmp_path, trainer, ["trainer.max_epochs=3"])
    record, note = read(tmp_path), read_note(tmp_path)
    assert record is not None
    assert note is not None
    assert [trial.job for trial in record.trials] == list(range(len(trainer.launched)))
    assert note.jobs == len(trainer.launched)
    assert all(job[-1] == "trainer.max_epochs=3" for job in trainer.launched)
    for trial, job in zip(record.trials, trainer.launched, strict=True):
        assert job[:-1] == trial.overrides(record.study)


def test_a_rate_that_diverges_is_left_behind(tmp_path):
    run(tmp_path, Trainer(0.1, broken=["model.lr=0.1"]))
    assert set(chosen(tmp_path).values()) == {0.01}


def test_one_rate_needs_no_choice(tmp_path):
    trainer = Trainer(1.0)
    run(tmp_path, trainer, rates=[0.02], tuning_seeds=[])
    assert len(trainer.launched) == 5 * 2
    assert set(chosen(tmp_path).values()) == {0.02}


@pytest.mark.parametrize(
    "argument",
    [
        "seed=3",
        "++model.lr=0.1",
        "model.top_k=1,2",
        "data.num_clusters=range(1,3)",
        "model=glob(*)",
    ],
)
def test_what_a_study_chooses_cannot_be_typed(tmp_path, argument):
    trainer = Trainer(1.0)
    with pytest.raises(Stopped, match=f"^{re.escape(argument)}: a study"):
        run(tmp_path, trainer, [argument])
    assert trainer.launched == []


def test_a_claim_that_cannot_be_judged_stops_a_study_before_it_runs(tmp_path):
    trainer = Trainer(1.0)
    with pytest.raises(Stopped, match="claim 'x': the study has no oracle in easy"):
        run(tmp_path, trainer, claims=[{"claim": "x", "cell": "easy", "arm": "oracle", "most": 1}])
    assert trainer.launched == []

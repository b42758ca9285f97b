import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus

from triptych.errors import Stopped
from triptych.result import Result, write
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


CHAIN = {
    "arms": {
        "shuffled": ["model=sparse", "start={rigl}"],
        "rigl": ["model=rigl"],
        "static": ["model=static"],
    },
    "blocks": [],
    "baselines": [],
    "rates": [0.01, 0.1],
    "most_rates": 2,
    "tuning_seeds": [100, 101],
}


class Recorder(Trainer):
    """Leaves the record of each of its runs in the folder of a sweep."""

    def __init__(self, folder: Path, best: float, broken: Sequence[str] = ()) -> None:
        super().__init__(best, broken)
        self.folder = folder

    def __call__(self, batch: Sequence[list[str]], initial_job_idx: int) -> list[JobReturn]:
        returned = super().__call__(batch, initial_job_idx)
        for number, job in enumerate(returned, initial_job_idx):
            status = "finished" if job.status == JobStatus.COMPLETED else "failed"
            result = Result(status, "sparse-s0", "sparse", 0, checkpoint=f"best of {number}")
            write(result, self.folder / str(number))
        return returned


def started_from(trainer: Trainer, job: int) -> str:
    (start,) = [o for o in trainer.launched[job] if o.startswith("start=")]
    return start.removeprefix("start=").strip("'")


def test_an_arm_starts_from_the_run_of_another_one_with_its_seed_in_its_cell(tmp_path):
    trainer = Recorder(tmp_path, best=0.1)
    run(tmp_path, trainer, **CHAIN)
    record, note = read(tmp_path), read_note(tmp_path)
    assert record is not None
    assert note is not None
    assert [t.job for t in record.trials] == list(range(len(trainer.launched)))
    assert note.jobs == len(trainer.launched) == 2 * 3 * (2 * 2 + 2)
    for trial in record.trials:
        if trial.arm == "shuffled":
            (origin,) = [
                t.job
                for t in record.trials
                if (t.stage, t.cell, t.arm, t.rate, t.seed)
                == (trial.stage, trial.cell, "rigl", 0.1, trial.seed)
            ]
            assert started_from(trainer, trial.job) == f"best of {origin}"
            assert origin < trial.job
    assert len(record.chosen) == 6


def test_a_study_knows_from_its_first_stage_how_many_runs_there_are_at_least(tmp_path):
    counts: list[int] = []

    class Watcher(Recorder):
        def __call__(self, batch: Sequence[list[str]], initial_job_idx: int) -> list[JobReturn]:
            note = read_note(tmp_path)
            assert note is not None
            counts.append(note.jobs)
            return super().__call__(batch, initial_job_idx)

    run(tmp_path, Watcher(tmp_path, best=0.1), **CHAIN)
    assert counts == [2 * 3 * (2 * 2 + 2)] * 4  # two levels, tuned and compared


def test_what_starts_from_a_run_that_failed_is_told_so_and_the_study_goes_on(tmp_path):
    trainer = Recorder(tmp_path, best=0.1, broken=["model=rigl"])
    run(tmp_path, trainer, **CHAIN)
    record = read(tmp_path)
    assert record is not None
    jobs = [trial.job for trial in record.trials if trial.arm == "shuffled"]
    assert len(jobs) == 2 * (2 * 2 + 2)
    assert all("/this_run_has_not_finished.ckpt" in started_from(trainer, job) for job in jobs)


def test_a_study_started_again_starts_arms_from_the_same_runs(tmp_path):
    first, again = Recorder(tmp_path, best=0.1), Recorder(tmp_path, best=0.1)
    run(tmp_path, first, **CHAIN)
    run(tmp_path, again, **CHAIN)
    assert first.launched == again.launched


def test_jobs_are_composed_with_a_stand_in_before_any_runs(tmp_path):
    """The folder has what Hydra would read as more than one word."""
    folder = tmp_path / "lr=1, two"
    folder.mkdir()
    Note(1, "report", [], []).write(folder)
    composed: list[list[str]] = []
    run_study({**PLAIN, **CHAIN}, [], folder, Recorder(folder, 0.1), composed.extend)
    starts = [override for job in composed for override in job if override.startswith("start=")]
    parsed = OverridesParser.create().parse_overrides(starts)
    assert [override.value() for override in parsed] == [str(folder / "rigl")] * 2


def test_an_arm_that_starts_from_itself_stops_a_study_before_it_runs(tmp_path):
    trainer = Trainer(1.0)
    with pytest.raises(Stopped, match="an arm cannot start from itself"):
        run(tmp_path, trainer, arms={**PLAIN["arms"], "moe": ["a={moe}"]})
    assert trainer.launched == []

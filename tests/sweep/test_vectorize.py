from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import pytest
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf

from triptych.errors import InvalidSetting
from triptych.sweep import Vectorizing, read_group
from triptych.sweep.vectorize import BASIC, GRID, STUDY, refuse_replicas, take_sweeper

OPTUNA = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"


@final
class Noting(Launcher):
    """Answers as train.py does: a score for each replica, its own seed; jobs of `failing` fail."""

    def __init__(self, failing: str = "nothing") -> None:
        self.failing, self.batches = failing, []

    def setup(self, **_: Any) -> None:
        """Nothing to do."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        self.batches.append((initial_job_idx, [list(job) for job in job_overrides]))
        return [self._answer(job) for job in job_overrides]

    def _answer(self, job: Sequence[str]) -> JobReturn:
        answer = JobReturn(overrides=job, status=JobStatus.COMPLETED)
        file = next((o for o in job if o.startswith("sweep.group=")), None)
        if self.failing in job:
            answer.status, answer.return_value = JobStatus.FAILED, ArithmeticError("why")
        elif file is None:
            answer.return_value = next(float(o[5:]) for o in job if o.startswith("seed="))
        else:
            group = read_group(Path(file.removeprefix("sweep.group=").strip('"')))
            answer.return_value = [float(replica.own["seed"]) for replica in group]
        return answer


def config(folder: Path, sweeper: str = BASIC, **settings: Any) -> DictConfig:
    sweep = {"vectorize": True, "most_replicas": 16, **settings}
    hydra = {"sweep": {"dir": str(folder)}, "sweeper": {"_target_": sweeper}}
    return OmegaConf.create({"replicas": 1, "sweep": sweep, "hydra": hydra})


def jobs(*panels: str) -> list[list[str]]:
    return [[f"model={panel}", f"seed={10 * i}"] for i, panel in enumerate(panels)]


def test_what_became_of_each_job_comes_in_their_order(tmp_path: Path) -> None:
    launcher = Noting()
    batch = jobs("ffn", "moe", "ffn", "sparse", "moe")
    found = Vectorizing(launcher, config(tmp_path)).launch(batch, initial_job_idx=7)
    assert [job.return_value for job in found] == [0.0, 10.0, 20.0, 30.0, 40.0]
    assert [list(job.overrides or []) for job in found[:3]] == batch[:3]
    ((first, launched),) = launcher.batches
    assert first == 7
    assert [job[0] for job in launched] == ["model=ffn", "model=moe", "model=sparse"]


def test_each_job_keeps_its_number_and_folder(tmp_path: Path) -> None:
    launcher = Noting()
    Vectorizing(launcher, config(tmp_path)).launch(jobs("ffn", "moe", "ffn"), initial_job_idx=7)
    group = read_group(tmp_path / "groups" / "7.json")
    assert [(r.number, r.folder) for r in group] == [(7, tmp_path / "7"), (9, tmp_path / "9")]
    ((_, launched),) = launcher.batches
    assert launched[0][-1] == "hydra.sweep.subdir=groups/7"
    assert launched[1] == ["model=moe", "seed=10", "hydra.sweep.subdir=8"]


def test_a_group_has_no_more_than_it_may(tmp_path: Path) -> None:
    launcher = Noting()
    limited = config(tmp_path, most_replicas=2)
    found = Vectorizing(launcher, limited).launch(jobs(*["ffn"] * 5), initial_job_idx=0)
    assert [job.return_value for job in found] == [0.0, 10.0, 20.0, 30.0, 40.0]
    assert len(launcher.batches[0][1]) == 3


def test_a_group_that_fails_fails_for_all_of_it_alone(tmp_path: Path) -> None:
    launcher = Noting(failing="model=ffn")
    batch = jobs("ffn", "moe", "ffn", "moe")
    found = Vectorizing(launcher, config(tmp_path)).launch(batch, initial_job_idx=0)
    failed, done = JobStatus.FAILED, JobStatus.COMPLETED
    assert [job.status for job in found] == [failed, done, failed, done]


def test_a_grid_gets_the_sweeper_that_groups(tmp_path: Path) -> None:
    for kind, wanted in ((BASIC, GRID), (GRID, GRID), (STUDY, STUDY)):
        asked = config(tmp_path, kind)
        take_sweeper(asked)
        assert asked.hydra.sweeper["_target_"] == wanted


def test_without_it_nothing_changes(tmp_path: Path) -> None:
    for kind in (BASIC, OPTUNA):
        asked = config(tmp_path, kind, vectorize=False, most_replicas=0)
        take_sweeper(asked)
        assert asked.hydra.sweeper["_target_"] == kind


def test_a_search_cannot_know_its_jobs(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="OptunaSweeper chooses the next one by the last"):
        take_sweeper(config(tmp_path, OPTUNA))


@pytest.mark.parametrize("most", [0, -1])
def test_a_group_needs_a_job(tmp_path: Path, most: int) -> None:
    with pytest.raises(InvalidSetting, match=f"sweep.most_replicas={most} must be at least 1"):
        take_sweeper(config(tmp_path, most_replicas=most))


@pytest.mark.parametrize(
    ("kind", "vectorize", "refused"),
    [(BASIC, False, False), (BASIC, True, True), (OPTUNA, False, True), (STUDY, False, True)],
)
@pytest.mark.parametrize("typed", [True, False])
def test_replicas_are_for_sweepers_that_take_several_runs_of_a_job(
    tmp_path: Path, kind: str, vectorize: bool, refused: bool, typed: bool
) -> None:
    asked = config(tmp_path, kind, vectorize=vectorize)
    refuse_replicas(asked, ["seed=0,1"])
    overrides = ["replicas=2,3"] if typed else []
    asked.replicas = 1 if typed else 2
    if refused:
        with pytest.raises(InvalidSetting, match="replicas=2"):
            refuse_replicas(asked, overrides)
    else:
        refuse_replicas(asked, overrides)

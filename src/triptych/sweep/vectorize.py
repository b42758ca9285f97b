"""`sweep.vectorize=true`: jobs that differ in numbers alone become one job each group."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, read_write

from triptych.errors import InvalidSetting
from triptych.sweep.jobs import REPLICAS
from triptych.sweep.replica import Replica, grouped, key_of, values_of, write_group

BASIC = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
GRID = "hydra_plugins.triptych_grid.GridSweeper"
STUDY = "hydra_plugins.triptych_study.StudySweeper"
GROUPS = "groups"


@final
class Vectorizing:
    """Takes the place of a launcher, and launches groups by it.

    Args:
        launcher: any.
        config: of the sweep.
    """

    def __init__(self, launcher: Launcher, config: DictConfig) -> None:
        self.launcher, self.folder = launcher, Path(config.hydra.sweep.dir)
        self.most = config.sweep.most_replicas

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> list[JobReturn]:
        """What became of each job, in their order."""
        numbers = [initial_job_idx + i for i in range(len(job_overrides))]
        groups = grouped(job_overrides, self.most)
        batch = [self._typed([(numbers[i], job_overrides[i]) for i in group]) for group in groups]
        returned = self.launcher.launch(batch, initial_job_idx=initial_job_idx)
        found: dict[int, JobReturn] = {}
        for group, job in zip(groups, returned, strict=True):
            for place, i in enumerate(group):
                found[i] = job if len(group) == 1 else _of(job, place, job_overrides[i])
        return [found[i] for i in range(len(job_overrides))]

    def _typed(self, jobs: Sequence[tuple[int, Sequence[str]]]) -> list[str]:
        first, overrides = jobs[0]
        if len(jobs) == 1:
            return [*overrides, f"hydra.sweep.subdir={first}"]
        replicas = [
            Replica(self.folder.absolute() / str(number), number, values_of(own), list(own))
            for number, own in jobs
        ]
        file = write_group(self.folder.absolute() / GROUPS / f"{first}.json", replicas)
        return [
            *overrides,
            f'sweep.group="{file}"',
            f"hydra.sweep.subdir={GROUPS}/{first}",
        ]


def _of(job: JobReturn, place: int, overrides: Sequence[str]) -> JobReturn:
    """What became of one replica."""
    if job.status != JobStatus.COMPLETED:
        return job
    scores: Any = job.return_value
    own = JobReturn(overrides=list(overrides), status=JobStatus.COMPLETED)
    own.return_value = scores[place]
    return own


def refuse_replicas(config: DictConfig, overrides: Sequence[str]) -> None:
    """`replicas` makes several runs of a job, which not every sweeper can do with.

    Args:
        config: of the sweep.
        overrides: as typed.

    Raises:
        InvalidSetting: for one that cannot.
    """
    typed = [o for o in overrides if key_of(o) == REPLICAS]
    if config.replicas == 1 and not typed:
        return
    said = typed[-1] if typed else f"replicas={config.replicas}"
    if config.sweep.vectorize:
        raise InvalidSetting(
            f"{said}: sweep.vectorize=true puts runs together itself: leave it out, and sweep"
            " over seed=range(16)"
        )
    if config.hydra.sweeper["_target_"] not in (BASIC, GRID):
        raise InvalidSetting(
            f"{said}: this sweeper takes one run for each job: leave it out; a study trains its"
            " seeds together with sweep.vectorize=true"
        )


def take_sweeper(config: DictConfig) -> None:
    """Chooses the sweeper that trains jobs together, if they are to be.

    Raises:
        InvalidSetting: for one that cannot.
    """
    if not config.sweep.get("vectorize"):
        return
    most, kind = config.sweep.most_replicas, config.hydra.sweeper["_target_"]
    if most < 1:
        raise InvalidSetting(f"sweep.most_replicas={most} must be at least 1")
    if kind == STUDY:
        return
    if kind not in (BASIC, GRID):
        raise InvalidSetting(
            f"sweep.vectorize=true needs all jobs to be known, and {kind.rpartition('.')[2]}"
            " chooses the next one by the last: leave it out"
        )
    with read_write(config):
        config.hydra.sweeper["_target_"] = GRID

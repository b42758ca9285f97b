"""The stages of a study: learning rates are tried, then each arm is trained with its best."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, final

from hydra.core.utils import JobReturn, JobStatus

from triptych.errors import InvalidSetting, Stopped
from triptych.study import (
    RATE,
    Pair,
    Record,
    Study,
    Trial,
    best_rate,
    from_config,
    more_rates,
    trials,
)
from triptych.sweep.jobs import is_swept
from triptych.sweep.note import read_note
from triptych.sweep.origins import checkpoint_of, filled, levels, origin_of

Launch = Callable[..., Sequence[JobReturn]]
Scores = dict[Pair, dict[float, list[float]]]


def run_study(
    node: Mapping[str, Any],
    arguments: list[str],
    folder: Path,
    launch: Launch,
    validate: Callable[[list[list[str]]], None],
) -> list[Sequence[JobReturn]]:
    """Runs a study, one batch of jobs for each stage.

    What a stage runs follows from the results of those before it, so a study that is started again
    in its folder goes on where it was.

    Args:
        node: the study, see `triptych.study.from_config`.
        arguments: what was typed beside it, for every job.
        folder: of the sweep.
        launch: of a Hydra launcher.
        validate: composes jobs and refuses those that cannot be.

    Raises:
        Stopped: for a study that says nothing that can be run.
    """
    from triptych.report.study import check_claims  # brings pandas and matplotlib

    try:
        study = from_config(node)
        check(study, arguments)
        check_claims(study)
        order = levels(study)
    except InvalidSetting as error:
        raise Stopped(str(error)) from error
    stages = _Stages(study, arguments, folder, launch)
    first = [Trial(0, "comparison", *pair, study.rates[0], study.seeds[0]) for pair in study.pairs]
    validate([stages.typed(trial, lambda arm: str(folder / arm)) for trial in first])
    for pairs in order:
        scores = tuned(study, pairs, stages.run, len(stages.started))
        stages.chosen |= {pair: best_rate(found) for pair, found in scores.items()}
    for pairs in order:
        rates = {pair: [stages.chosen[pair]] for pair in pairs}
        stages.run(trials(study, "comparison", rates, len(stages.started)))
    return stages.returned


def check(study: Study, arguments: Sequence[str]) -> None:
    """Refuses what was typed for one run or for a sweep of another kind.

    Raises:
        InvalidSetting: naming it.
    """
    for argument in arguments:
        if argument.lstrip("+~").partition("=")[0] in ("seed", RATE):
            raise InvalidSetting(f"{argument}: a study chooses it; see study.seeds and study.rates")
        if is_swept(argument):
            raise InvalidSetting(f"{argument}: a study has cells of its own; give one value")


def tuned(
    study: Study,
    pairs: Sequence[Pair],
    run: Callable[[list[Trial]], Sequence[JobReturn]],
    number: int,
) -> Scores:
    """Validation scores of every rate that was tried, on each tuning seed where it did not fail.

    Args:
        study: says which rates are tried first, and on which seeds.
        pairs: that are tuned.
        run: one stage.
        number: of the first run.
    """
    scores: Scores = {pair: {rate: [] for rate in study.rates} for pair in pairs}
    wanted = {pair: study.rates if len(study.rates) > 1 else [] for pair in pairs}
    while any(wanted.values()):
        batch = trials(study, "tuning", wanted, number)
        number += len(batch)
        for trial, job in zip(batch, run(batch), strict=True):
            found = scores[trial.cell, trial.arm].setdefault(trial.rate, [])
            if job.status == JobStatus.COMPLETED and job.return_value is not None:
                found.append(float(job.return_value))
        wanted = {pair: more_rates(found, study.most_rates) for pair, found in scores.items()}
    return scores


def to_come(study: Study, started: Sequence[Trial]) -> int:
    """How many runs there will be at least after those that were started."""
    compared = sum(trial.stage == "comparison" for trial in started)
    tuned = {(trial.cell, trial.arm) for trial in started if trial.stage == "tuning"}
    tries = len(study.rates) * len(study.tuning_seeds) if len(study.rates) > 1 else 0
    return len(study.pairs) * len(study.seeds) - compared + (len(study.pairs) - len(tuned)) * tries


@final
class _Stages:
    """Launches batches, and keeps the study's record and the sweep's note up to date.

    Attributes:
        chosen: the learning rate of each pair whose rates were tried.
    """

    def __init__(self, study: Study, arguments: list[str], folder: Path, launch: Launch) -> None:
        self.study, self.arguments, self.folder, self.launch = study, arguments, folder, launch
        self.chosen: dict[Pair, float] = {}
        self.started: list[Trial] = []
        self.returned: list[Sequence[JobReturn]] = []

    def run(self, batch: list[Trial]) -> Sequence[JobReturn]:
        """One stage."""
        overrides = [self.typed(trial, self._origin(trial)) for trial in batch]
        self.started += batch
        rates = [(*pair, rate) for pair, rate in self.chosen.items()]
        Record(self.study, self.started, rates).write(self.folder)
        note = read_note(self.folder)
        assert note is not None, "written when the sweep started"
        jobs = len(self.started) + to_come(self.study, self.started)
        replace(note, jobs=jobs).write(self.folder)
        returned = self.launch(overrides, initial_job_idx=batch[0].job)
        self.returned.append(returned)
        return returned

    def typed(self, trial: Trial, checkpoint: Callable[[str], str]) -> list[str]:
        """The overrides of a run, with the checkpoints of the arms that it starts from."""
        return filled(trial.overrides(self.study), checkpoint) + self.arguments

    def _origin(self, trial: Trial) -> Callable[[str], str]:
        def checkpoint(arm: str) -> str:
            job = origin_of(trial, arm, self.started, self.chosen).job
            return checkpoint_of(self.folder / str(job))

        return checkpoint

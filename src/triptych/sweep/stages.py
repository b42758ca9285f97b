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
    except InvalidSetting as error:
        raise Stopped(str(error)) from error
    first = [Trial(0, "comparison", *pair, study.rates[0], study.seeds[0]) for pair in study.pairs]
    validate([trial.overrides(study) + arguments for trial in first])
    stages = _Stages(study, arguments, folder, launch)
    scores = tuned(study, stages.run)
    chosen = {pair: best_rate(found) for pair, found in scores.items()}
    final = trials(study, "comparison", {p: [r] for p, r in chosen.items()}, len(stages.started))
    stages.run(final, chosen)
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


def tuned(study: Study, run: Callable[[list[Trial]], Sequence[JobReturn]]) -> Scores:
    """Validation scores of every rate that was tried, on each tuning seed where it did not fail."""
    scores: Scores = {pair: {rate: [] for rate in study.rates} for pair in study.pairs}
    wanted = {pair: study.rates if len(study.rates) > 1 else [] for pair in study.pairs}
    number = 0
    while any(wanted.values()):
        batch = trials(study, "tuning", wanted, number)
        number += len(batch)
        for trial, job in zip(batch, run(batch), strict=True):
            found = scores[trial.cell, trial.arm].setdefault(trial.rate, [])
            if job.status == JobStatus.COMPLETED and job.return_value is not None:
                found.append(float(job.return_value))
        wanted = {pair: more_rates(found, study.most_rates) for pair, found in scores.items()}
    return scores


@final
class _Stages:
    """Launches batches, and keeps the study's record and the sweep's note up to date."""

    def __init__(self, study: Study, arguments: list[str], folder: Path, launch: Launch) -> None:
        self.study, self.arguments, self.folder, self.launch = study, arguments, folder, launch
        self.started: list[Trial] = []
        self.returned: list[Sequence[JobReturn]] = []

    def run(
        self, batch: list[Trial], chosen: Mapping[Pair, float] | None = None
    ) -> Sequence[JobReturn]:
        """One stage; the last one knows what was chosen."""
        self.started += batch
        rates = [(*pair, rate) for pair, rate in (chosen or {}).items()]
        Record(self.study, self.started, rates).write(self.folder)
        to_come = 0 if chosen else len(self.study.pairs) * len(self.study.seeds)
        note = read_note(self.folder)
        assert note is not None, "written when the sweep started"
        replace(note, jobs=len(self.started) + to_come).write(self.folder)
        overrides = [trial.overrides(self.study) + self.arguments for trial in batch]
        returned = self.launch(overrides, initial_job_idx=batch[0].job)
        self.returned.append(returned)
        return returned

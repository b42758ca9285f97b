"""From the runs of a study to rows of the table."""

import math
from collections.abc import Iterator, Sequence
from statistics import fmean

from triptych.report.advice.measured import Measured
from triptych.report.advice.task import data_name, task_of
from triptych.report.study.frontier import fit_seconds, training_flops
from triptych.report.study.outcomes import ACCURACY, Outcomes
from triptych.report.study.provenance import commit, machine
from triptych.result import Result

PANELS = {"ffn": "dense"}
# Routers that know what others have to learn, or never learn; one expert of a mixture alone.
CONTROLS = ("OracleRouter", "HashTopK", "SingleExpertPanel")


def measured_rows(study: str, outcomes: Outcomes) -> list[Measured]:
    """One for each arm of each cell that has a score; in the order of the study.

    Args:
        study: its name.
    """
    pairs = ((cell, arm) for cell in outcomes.cells() for arm in outcomes.arms(cell))
    return [row for cell, arm in pairs for row in _rows(study, outcomes, cell, arm)]


def is_control(result: Result) -> bool:
    """Whether a run was made to compare others with, and is nothing to use."""
    model = result.config.get("model", {})
    targets = [str((model.get(part) or {}).get("_target_", "")) for part in ("router", "panel")]
    return any(target.rpartition(".")[2] in CONTROLS for target in targets)


def _rows(study: str, outcomes: Outcomes, cell: str, arm: str) -> Iterator[Measured]:
    """One, or none without a score."""
    runs = [run for run in outcomes.compared(cell, arm) if run.value(ACCURACY) is not None]
    results = [run.result for run in runs if run.result is not None]
    if not results:
        return
    first = results[0]
    yield Measured(
        study=study,
        cell=cell,
        arm=arm,
        panel=PANELS.get(first.panel, first.panel),
        control=is_control(first),
        data=data_name(first),
        task=task_of(first),
        label_noise=float(first.config.get("data", {}).get("label_noise", 0.0)),
        params_total=_cost(results, "params_total"),
        params_active=_cost(results, "params_active"),
        flops=_cost(results, "flops"),
        training_flops=_mean([training_flops(run) for run in runs]),
        fit_seconds=_mean([fit_seconds(run) for run in runs]),
        scores=outcomes.scores(cell, arm),
        commit=_distinct(commit(result) for result in results),
        machine=_distinct(machine(result) for result in results),
        torch=_distinct(result.versions.get("torch", "") for result in results),
    )


def _distinct(texts: Iterator[str]) -> str:
    return "; ".join(sorted(set(texts)))


def _cost(results: Sequence[Result], name: str) -> float:
    return _mean([result.cost.get(name) for result in results])


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None and not math.isnan(value)]
    return fmean(known) if known else math.nan

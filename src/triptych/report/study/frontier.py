"""Accuracy against cost: the cheapest way to a target, and a picture of what training costs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import final

from triptych.report.chart import Axis, Chart, Line, Mark, Pane
from triptych.report.palette import Style
from triptych.report.study.latencies import MANY, ONE
from triptych.report.study.outcomes import Outcome, Outcomes

Cost = Callable[[Outcomes, str, str], float | None]
"""(study, cell, arm) -> what it costs; None if that was not measured."""


def training_flops(run: Outcome) -> float | None:
    """FLOPs of the whole training, counted as it went."""
    return run.value("compute/train_flops")


def fit_seconds(run: Outcome) -> float | None:
    """Seconds of the training with its validation, on the machine of the run."""
    return None if run.result is None else run.result.seconds.get("fit")


def over_seeds(kind: Callable[[Outcome], float | None]) -> Cost:
    """The mean of what a run costs, over those of an arm in a cell."""

    def mean(outcomes: Outcomes, cell: str, arm: str) -> float | None:
        known = [kind(run) for run in outcomes.compared(cell, arm) if run.is_finished]
        costs = [cost for cost in known if cost is not None]
        return fmean(costs) if costs else None

    return mean


def answer_seconds(batch: int) -> Cost:
    """Seconds in which the trained net answers about so many samples, if that was measured."""

    def median(outcomes: Outcomes, cell: str, arm: str) -> float | None:
        known = outcomes.latencies and outcomes.latencies.of(cell, arm, batch)
        return known.median if known else None

    return median


UNLIKE = 1.5

COSTS: Mapping[str, Cost] = {
    "flops": over_seeds(training_flops),
    "seconds": over_seeds(fit_seconds),
    "latency": answer_seconds(MANY),
    "latency_of_one": answer_seconds(ONE),
}


@final
@dataclass(frozen=True)
class Point:
    """An arm in a cell: means over seeds."""

    cell: str
    arm: str
    cost: float
    accuracy: float


def points(outcomes: Outcomes, arm: str, kind: str) -> list[Point]:
    """Those of an arm, cheapest first; without cells where nothing was measured.

    Args:
        kind: of `COSTS`.
    """
    found: list[Point] = []
    for cell in outcomes.cells():
        scores = outcomes.scores(cell, arm)
        cost = COSTS[kind](outcomes, cell, arm)
        if scores and cost is not None:
            found.append(Point(cell, arm, cost, fmean(scores.values())))
    return sorted(found, key=lambda point: point.cost)


def cheapest(outcomes: Outcomes, arms: Sequence[str], target: float, kind: str) -> Point | None:
    """The cheapest of all points of these arms that reach an accuracy; None if none does.

    Nothing is interpolated: a point was trained, with a schedule of its own length.
    """
    reached = [
        point for arm in arms for point in points(outcomes, arm, kind) if point.accuracy >= target
    ]
    return min(reached, key=lambda point: point.cost, default=None)


def frontier(outcomes: Outcomes, styles: Mapping[str, Style]) -> Chart | None:
    """Mean accuracy against FLOPs and against seconds of training, a line for each arm; None where
    no arm was trained at different costs, as in cells that differ by their data."""
    costs = [[p.cost for p in points(outcomes, arm, "flops") if p.cost > 0] for arm in styles]
    if not any(found and max(found) > UNLIKE * min(found) for found in costs):
        return None
    panes = [
        Pane("", Axis(title, "log"), Axis("test accuracy [%]"), marks)
        for kind, title in (("flops", "FLOPs of training"), ("seconds", "seconds of training"))
        if (marks := _lines(outcomes, styles, kind))
    ]
    if not panes:
        return None
    caption = (
        "Mean test accuracy over seeds against what the training cost; each line is an arm in all"
        " of its cells. Seconds are of the machine named above, with whatever else it did."
    )
    return Chart("frontier", "What accuracy costs", caption, panes)


def _lines(outcomes: Outcomes, styles: Mapping[str, Style], kind: str) -> list[Mark]:
    marks: list[Mark] = []
    for arm, style in styles.items():
        found = [point for point in points(outcomes, arm, kind) if point.cost > 0]
        if found:
            x, y = [p.cost for p in found], [100 * p.accuracy for p in found]
            marks.append(Line(arm, style, x, y))
    return marks

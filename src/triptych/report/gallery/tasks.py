"""Accuracy by task and by class, over seeds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from triptych.report.chart import Axis, Bars, Chart, Pane, Violins
from triptych.report.figures.provenance import source
from triptych.report.palette import NEUTRAL, PANEL_COLOURS, Style, lighten, styles
from triptych.report.runs import Run, Runs

PREFIX = "test/acc/family/"


def by_task(run: Run) -> dict[str, float]:
    """Test accuracy of each family, a share."""
    metrics = run.result.metrics.get("test", {})
    return {k.removeprefix(PREFIX): v for k, v in metrics.items() if k.startswith(PREFIX)}


def task_violins(runs: Runs) -> Chart | None:
    """A violin for each setting over all tasks and seeds, and each task apart; None without."""
    if not any(by_task(run) for run in runs.finished):
        return None
    looks = styles(runs)
    values, labels = [], []
    for setting in runs.settings:
        found = [(r.result.seed, *pair) for r in runs.of(setting) for pair in by_task(r).items()]
        values.append([100 * score for _, _, score in found])
        labels.append([f"{task}, seed {seed}" for seed, task, _ in found])
    colours = [looks[setting].colour for setting in runs.settings]
    unit = Axis("test accuracy [%]")
    panes = (
        Pane(
            "All tasks",
            Axis("", "category"),
            unit,
            (Violins(runs.settings, colours, values, labels),),
        ),
        Pane("Each task", Axis("task", "category"), unit, list(_task_bars(runs, looks))),
    )
    caption = (
        "Left: a point is one task in one seed. Right: bar = mean over seeds, whisker = lowest to "
        f"highest seed; from {source(runs.finished)}."
    )
    return Chart("tasks", "Accuracy by task", caption, panes)


def _task_bars(runs: Runs, looks: Mapping[str, Style]) -> Iterator[Bars]:
    for setting in runs.settings:
        scores = [by_task(run) for run in runs.of(setting)]
        yield bars(setting, looks[setting].colour, scores)


def bars(name: str, colour: str, scores: Sequence[Mapping[str, float]]) -> Bars:
    """Means over seeds, with whiskers from the lowest to the highest.

    Args:
        name: of the bars.
        colour: of them.
        scores: of each seed, shares by task.
    """
    tasks = list(scores[0])
    table = 100 * np.array([[score[task] for task in tasks] for score in scores])
    low, high = table.min(0).tolist(), table.max(0).tolist()
    return Bars(name, colour, [colour] * len(tasks), tasks, table.mean(0).tolist(), low, high)


def by_class(runs: Runs) -> Chart | None:
    """Accuracy on the samples of each class; None without confusion tables."""
    looks = styles(runs)
    counted = [run for run in runs.finished if run.result.tables.get("confusion")]
    if not counted:
        return None
    marks = [
        bars(name, looks[name].colour, [_recalls(run) for run in counted if run.setting == name])
        for name in dict.fromkeys(run.setting for run in counted)
    ]
    caption = (
        "Share of right answers among the test samples of each class (bar = mean over seeds, "
        f"whisker = lowest to highest seed); from {source(counted)}."
    )
    pane = Pane("", Axis("class", "category"), Axis("test accuracy [%]"), marks)
    return Chart("classes", "Accuracy by class", caption, (pane,))


def _recalls(run: Run) -> dict[str, float]:
    counts = np.asarray(run.result.tables["confusion"], dtype=float)
    recalls = counts.diagonal() / np.maximum(counts.sum(axis=1), 1)
    names = map(str, run.result.tables["classes"])
    return dict(zip(names, recalls.tolist(), strict=True))


@final
@dataclass(frozen=True)
class Alone:
    """What the experts of one trained mixture do without its router, test accuracy by task.

    Attributes:
        seed: of the run.
        mixture: with the router.
        mean: of its experts.
        best: of the expert that is best at the task on the validation split.
    """

    seed: int
    mixture: Mapping[str, float]
    mean: Mapping[str, float]
    best: Mapping[str, float]


def experts_alone(alone: Sequence[Alone], dense: Runs) -> Chart | None:
    """The mixture beside its own experts and a dense net; None without a mixture.

    Args:
        alone: one for each seed.
        dense: runs of a dense net on the same tasks.
    """
    if not alone:
        return None
    green = PANEL_COLOURS["moe"]
    marks = [
        bars("moe, its router", green, [one.mixture for one in alone]),
        bars("its best expert alone", lighten(green, 0.4), [one.best for one in alone]),
        bars("its experts alone, mean", lighten(NEUTRAL, 0.4), [one.mean for one in alone]),
    ]
    scores = [by_task(run) for run in dense.finished]
    if scores and scores[0]:
        marks.insert(1, bars("ffn", PANEL_COLOURS["ffn"], scores))
    caption = (
        "Test accuracy by task. Alone = one expert does the work of all on every sample; the best "
        "of each task was chosen on the validation split. Experts were trained in the mixture, not "
        "alone: `ffn` is a net that was trained by itself. Bar = mean over "
        f"{len(alone)} seed{'s' if len(alone) > 1 else ''}, whisker = lowest to highest."
    )
    pane = Pane("", Axis("task", "category"), Axis("test accuracy [%]"), marks)
    return Chart("experts_alone", "A mixture and its experts", caption, (pane,))

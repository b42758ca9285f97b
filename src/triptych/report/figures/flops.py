"""Test accuracy against what one sample costs."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from triptych.report.chart import Axis, Chart, Cloud, Mark, Mean, Pane
from triptych.report.figures.provenance import source
from triptych.report.palette import Style
from triptych.report.runs import Run, Runs

_PANES = (
    ("flops", "Needed by the architecture", "FLOPs per sample"),
    ("flops_executed", "Executed by the kernels", "executed FLOPs per sample"),
)
# From this ratio on, the axis is logarithmic.
_WIDE = 8.0


def flops(runs: Runs, styles: Mapping[str, Style]) -> Chart | None:
    """A point per run and a mean per setting, against needed and against executed FLOPs."""
    panes = [pane for column in _PANES if (pane := _pane(runs, styles, *column)) is not None]
    if not panes:
        return None
    caption = (
        "Test accuracy against the cost of one forward pass (pale = single runs, large = mean over "
        f"seeds, bar = ± one standard deviation); from {source(runs.finished)}."
    )
    return Chart("flops", "Accuracy and cost", caption, panes)


def _pane(runs: Runs, styles: Mapping[str, Style], key: str, title: str, unit: str) -> Pane | None:
    marks: list[Mark] = []
    costs: list[float] = []
    for name in runs.settings:
        measured = [run for run in runs.of(name) if _measured(run, key)]
        if measured:
            costs += [run.result.cost[key] for run in measured]
            marks += _marks(name, styles[name], measured, key)
    if not marks:
        return None
    wide = min(costs) > 0 and max(costs) / min(costs) > _WIDE
    return Pane(title, Axis(unit, "log" if wide else "linear"), Axis("test accuracy [%]"), marks)


def _measured(run: Run, key: str) -> bool:
    return key in run.result.cost and not math.isnan(run.test_accuracy)


def _marks(name: str, style: Style, runs: Sequence[Run], key: str) -> list[Mark]:
    x = [run.result.cost[key] for run in runs]
    y = [100 * run.test_accuracy for run in runs]
    labels = [f"{name}, seed {run.result.seed}" for run in runs]
    spread = float(np.std(y, ddof=1)) if len(y) > 1 else math.nan
    return [
        Cloud(name, style, x, y, labels),
        Mean(name, style, float(np.mean(x)), float(np.mean(y)), spread),
    ]

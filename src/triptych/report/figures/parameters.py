"""How many parameters a net has, and how many one sample meets."""

import math
from collections.abc import Mapping
from dataclasses import replace

from triptych.report.chart import Axis, Bars, Chart, Pane
from triptych.report.figures.provenance import source
from triptych.report.figures.seed_lines import seed_lines
from triptych.report.palette import NEUTRAL, Style, lighten
from triptych.report.runs import Run, Runs


def parameters(runs: Runs, styles: Mapping[str, Style]) -> Chart | None:
    """Bars of total and active parameters; beside them the active share over training."""
    names = [name for name in runs.settings if not math.isnan(_mean(runs, name, "params_total"))]
    if not names:
        return None
    total, active = (
        [_mean(runs, name, key) for name in names] for key in ("params_total", "params_active")
    )
    colours = [styles[name].colour for name in names]
    bars = (
        Bars("total", lighten(NEUTRAL, 0.5), [lighten(c, 0.55) for c in colours], names, total),
        Bars("active", NEUTRAL, colours, names, active),
    )
    sizes = Axis("parameters")
    panes = [Pane("Parameters, total and active", Axis("", "category"), sizes, bars)]
    shares = seed_lines(_with_shares(runs), styles, "epoch", "active share", 100.0)
    if shares:
        unit = Axis("active of total [%]")
        panes.append(Pane("Active share over training", Axis("epoch"), unit, shares))
    caption = (
        "Parameters that a net has and parameters that one sample meets, means over seeds "
        "(pale and full colour; of a sparse layer only its non-zeros count); "
        f"from {source(runs.finished)}."
    )
    return Chart("parameters", "Parameters", caption, panes)


def _mean(runs: Runs, setting: str, key: str) -> float:
    values = [run.result.cost[key] for run in runs.of(setting) if key in run.result.cost]
    return sum(values) / len(values) if values else math.nan


def _with_shares(runs: Runs) -> Runs:
    return replace(runs, finished=tuple(map(_with_share, runs.finished)))


def _with_share(run: Run) -> Run:
    total = run.result.cost.get("params_total", 0.0)
    if "params/active" not in run.curve.columns or not total:
        return run
    share = run.curve["params/active"] / total
    return replace(run, curve=run.curve.assign(**{"active share": share}))

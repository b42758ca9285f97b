"""How the routers of MoE runs spread the test split over their experts, in numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from triptych.report.html import table
from triptych.report.runs import Run, Runs


@dataclass(frozen=True)
class Measure:
    """One column: where a run keeps its value for a layer, and what it means."""

    part: str
    prefix: str
    name: str
    heading: str
    meaning: str


def _tested(name: str, heading: str, meaning: str) -> Measure:
    return Measure("test", "test/moe/", name, heading, meaning)


def _validated(name: str, heading: str, meaning: str) -> Measure:
    return Measure("final", "val/moe/", name, heading, meaning)


_ALWAYS = (
    _tested(
        "load_gini", "Gini of load", "0 = all experts equally busy, near 1 = one expert does it all"
    ),
    _tested("load_entropy", "Entropy of load", "1 = all experts equally busy, 0 = one does it all"),
    _tested("max_load", "Busiest expert", "its load over the mean load: 1 = even"),
    _tested("dead_experts", "Dead experts", "experts without a sample: 0 = none"),
    _tested(
        "nmi",
        "NMI of routes",
        "what the chosen experts tell about the family: 0 = nothing, 1 = everything",
    ),
    _tested("nmi_soft", "NMI of probabilities", "the same for the router's probabilities"),
)
# What older runs did not measure; a column of dashes would say nothing.
_WHERE_MEASURED = (
    _tested("drop_rate", "Dropped", "share of routes to experts that were full: 0 = none"),
    _tested("token_entropy", "Router entropy", "of a sample's probabilities, in nats: 0 = certain"),
    _tested(
        "margin", "Margin", "lead of the most probable expert over the next: 0 = tied, 1 = certain"
    ),
    _validated(
        "churn",
        "Churn",
        "share of validation samples whose experts changed in the last epoch: 0 = settled",
    ),
    _validated("churn_top1", "Churn of favourites", "the same for the most probable expert"),
)


def routing_table(runs: Runs) -> str:
    """Means over seeds by setting and layer, with what 0 and 1 mean; empty without routing."""
    layers = {setting: _layers(runs.of(setting)) for setting in runs.settings}
    named = [(setting, layer) for setting in runs.settings for layer in layers[setting]]
    if not named:
        return ""
    rare = [m for m in _WHERE_MEASURED if any(_known(runs.of(s), layer, m) for s, layer in named)]
    measures = (*_ALWAYS, *rare)
    rows = [
        (setting, layer, *(_mean(_known(runs.of(setting), layer, m)) for m in measures))
        for setting, layer in named
    ]
    headings = ("Setting", "Layer", *(measure.heading for measure in measures))
    legend = "; ".join(f"{measure.heading}: {measure.meaning}" for measure in measures)
    return f'<p class="small">Means over seeds. {escape(legend)}.</p>{table(headings, rows)}'


def _layers(runs: Sequence[Run]) -> list[str]:
    names = {measure.name for measure in _ALWAYS}
    prefix = _ALWAYS[0].prefix
    keys = [key for run in runs for key in run.result.metrics.get("test", {})]
    parts = [key.removeprefix(prefix).rpartition("/") for key in keys if key.startswith(prefix)]
    return list(dict.fromkeys(layer for layer, _, name in parts if layer and name in names))


def _known(runs: Sequence[Run], layer: str, measure: Measure) -> list[float]:
    key = f"{measure.prefix}{layer}/{measure.name}"
    values = [run.result.metrics.get(measure.part, {}).get(key, math.nan) for run in runs]
    return [value for value in values if not math.isnan(value)]


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.3f}" if values else "-"

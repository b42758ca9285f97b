"""What sparse runs measured: a table of nets, and one of their layers."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from triptych.report.html import table
from triptych.report.runs import Run, Runs
from triptych.report.table import short_number

Write = Callable[[float], str]


@dataclass(frozen=True)
class Measure:
    """One column: the key of its value in a record, its heading, its meaning, how it is written."""

    key: str
    heading: str
    meaning: str
    write: Write


def _percent(value: float) -> str:
    return f"{100 * value:.2f}\N{NO-BREAK SPACE}%"


def _ratio(value: float) -> str:
    return f"{value:.2f}"


def _count(value: float) -> str:
    return f"{round(value, 1):,.10g}"


_NETS = (
    Measure("test/density_target", "Target", "share of weights asked for", _percent),
    Measure("test/density", "Density", "share of weights that exist in sparse layers", _percent),
    Measure(
        "test/density_all_parameters",
        "Of all parameters",
        "the same with biases, norms and dense layers counted",
        _percent,
    ),
    Measure(
        "test/dead_units",
        "Dead units",
        "hidden units without any incoming or without any outgoing weight",
        _count,
    ),
    Measure(
        "train/sparse/explored",
        "Explored",
        "share of places that were in a mask at some time",
        _percent,
    ),
    Measure("compute/train_flops", "Training FLOPs", "needed", short_number),
    Measure("compute/train_flops_executed", "Executed", "by the kernels in use", short_number),
    Measure("time/step_ms", "ms / step", "in the last epoch", short_number),
    Measure("time/mask_update_ms", "ms / mask update", "in the last epoch with one", short_number),
)
_LAYERS = (
    Measure("target", "Target", "", _percent),
    Measure("density", "Density", "", _percent),
    Measure("nonzeros", "Weights", "that exist", _count),
    Measure("size", "Places", "of the dense matrix", _count),
    Measure("least_fan_in", "Least fan-in", "smallest number of weights of an output", _count),
    Measure("most_fan_in", "Most fan-in", "largest one", _count),
    Measure("dead_outputs", "Dead outputs", "without any incoming weight", _count),
    Measure("dead_inputs", "Dead inputs", "without any outgoing weight", _count),
    Measure("dead_units", "Dead units", "outputs to a next layer that lack either", _count),
    Measure("explored", "Explored", "", _percent),
    Measure("speed", "Speed", "when training began; 1 = a dense layer's", _ratio),
)


def sparse_table(runs: Runs) -> str:
    """Means over seeds by setting, and by setting and layer; empty without a sparse run.

    Columns that no run has a value for are left out.
    """
    names = [name for name in runs.settings if any(map(_layers, runs.of(name)))]
    if not names:
        return ""
    nets = {(name,): [_net(run) for run in runs.of(name)] for name in names}
    layers: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for name in names:
        for run in runs.of(name):
            for row in _layers(run):
                layers.setdefault((name, str(row["layer"])), []).append(row)
    return _table(("Setting",), _NETS, nets) + _table(("Setting", "Layer"), _LAYERS, layers)


def _layers(run: Run) -> Sequence[Mapping[str, Any]]:
    return run.result.tables.get("density") or []


def _net(run: Run) -> Mapping[str, Any]:
    return run.result.metrics.get("final", {}) | run.result.metrics.get("test", {})


def _table(
    names: tuple[str, ...],
    measures: Sequence[Measure],
    rows: Mapping[tuple[str, ...], Sequence[Mapping[str, Any]]],
) -> str:
    known = [m for m in measures if any(_values(found, m.key) for found in rows.values())]
    cells = ((*name, *(_mean(found, m) for m in known)) for name, found in rows.items())
    told = "; ".join(f"{m.heading}: {m.meaning}" for m in known if m.meaning)
    head = (*names, *(m.heading for m in known))
    return f'<p class="small">Means over seeds. {escape(told)}.</p>{table(head, cells)}'


def _values(found: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    values = [row.get(key) for row in found]
    return [float(value) for value in values if value is not None and not math.isnan(value)]


def _mean(found: Sequence[Mapping[str, Any]], measure: Measure) -> str:
    values = _values(found, measure.key)
    return measure.write(sum(values) / len(values)) if values else "-"

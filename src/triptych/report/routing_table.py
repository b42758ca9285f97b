"""How the routers of MoE runs spread the test split over their experts, in numbers."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from triptych.report.runs import Run, Runs

_PREFIX = "test/moe/"
_MEASURES: Mapping[str, tuple[str, str]] = {
    "load_gini": ("Gini of load", "0 = all experts equally busy, near 1 = one expert does it all"),
    "load_entropy": ("Entropy of load", "1 = all experts equally busy, 0 = one does it all"),
    "max_load": ("Busiest expert", "its load over the mean load: 1 = even"),
    "dead_experts": ("Dead experts", "experts without a sample: 0 = none"),
    "nmi": (
        "NMI of routes",
        "what the chosen experts tell about the family: 0 = nothing, 1 = everything",
    ),
    "nmi_soft": ("NMI of probabilities", "the same for the router's probabilities"),
}


def routing_table(runs: Runs) -> str:
    """Means over seeds by setting and layer, with what 0 and 1 mean; empty without routing."""
    rows = [
        (setting, layer, _values(runs.of(setting), layer))
        for setting in runs.settings
        for layer in _layers(runs.of(setting))
    ]
    if not rows:
        return ""
    headings = ("Setting", "Layer", *(heading for heading, _ in _MEASURES.values()))
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in (setting, layer, *values))}</tr>"
        for setting, layer, values in rows
    )
    legend = "; ".join(f"{heading}: {meaning}" for heading, meaning in _MEASURES.values())
    return (
        f'<p class="small">Means over seeds. {escape(legend)}.</p><div class="scroll">'
        f'<table class="listed"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _layers(runs: Sequence[Run]) -> list[str]:
    keys = [key for run in runs for key in run.result.metrics.get("test", {})]
    parts = [key.removeprefix(_PREFIX).rpartition("/") for key in keys if key.startswith(_PREFIX)]
    return list(dict.fromkeys(layer for layer, _, name in parts if layer and name in _MEASURES))


def _values(runs: Sequence[Run], layer: str) -> list[str]:
    tests = [run.result.metrics.get("test", {}) for run in runs]
    return [
        _mean([t.get(f"{_PREFIX}{layer}/{name}", math.nan) for t in tests]) for name in _MEASURES
    ]


def _mean(values: Sequence[float]) -> str:
    known = [value for value in values if not math.isnan(value)]
    return f"{sum(known) / len(known):.3f}" if known else "-"

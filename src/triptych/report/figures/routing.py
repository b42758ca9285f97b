"""What the routers of MoE runs do: load per expert, experts per family, confidence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from triptych.report.chart import Axis, Bars, Chart, Heat, Level, Line, Mark, Pane, Upright
from triptych.report.figures.provenance import source
from triptych.report.palette import Style
from triptych.report.runs import Run, Runs

# Above this many experts or families the cells of a heatmap are too small for numbers.
_READABLE = 16


def load(runs: Runs, styles: Mapping[str, Style]) -> Chart | None:
    """Share of routes per expert and layer, busiest first in each seed."""
    routed = _routed(runs, "load")
    panes = []
    for layer in _layers(routed):
        marks: list[Mark] = []
        sizes: set[int] = set()
        for name, shares in _shares(routed, layer, "load").items():
            ordered = -np.sort(-shares, axis=1)
            sizes.add(ordered.shape[1])
            places = [str(place + 1) for place in range(ordered.shape[1])]
            band = (_percent(ordered.min(0)), _percent(ordered.max(0)))
            colours = [styles[name].colour] * len(places)
            marks.append(
                Bars(name, styles[name].colour, colours, places, _percent(ordered.mean(0)), *band)
            )
        marks += [Level(f"uniform (1/{size})", 100 / size) for size in sorted(sizes)]
        rank = Axis("experts, busiest first", "category")
        panes.append(Pane(layer, rank, Axis("share of routes [%]"), marks))
    if not panes:
        return None
    caption = (
        "How evenly each layer uses its experts on the test set; experts are ordered within each "
        "seed because their numbers mean nothing across seeds (bar = mean, whisker = lowest to "
        f"highest seed); from {source(routed)}."
    )
    return Chart("expert_load", "Expert load", caption, panes)


def specialisation(runs: Runs, styles: Mapping[str, Style]) -> Chart | None:
    """Experts against families for one run: top-k shares and mean router probabilities."""
    routed = _routed(runs, "topk_by_family")
    ranked = [run for name in runs.ranked() for run in routed if run.setting == name]
    if not ranked:
        return None
    run = ranked[0]
    families = [str(name) for name in run.result.tables.get("families", [])]
    panes = []
    for layer in run.result.tables["routing"]:
        for key, what in (("topk_by_family", "top-k routes"), ("prob_by_family", "probability")):
            if layer.get(key):
                heat = _heat(_by_row(layer[key]), families)
                x, y = Axis("expert", "category"), Axis("family", "category")
                panes.append(Pane(f"{layer['layer']}: {what}", x, y, (heat,)))
    caption = (
        "Which experts serve which family: share of top-k routes and mean router probability, each "
        "row sums to 1 (experts are not aligned between seeds, so this is a single run, not a "
        f"mean); from {run.setting}, seed {run.result.seed} ({run.result.name})."
    )
    return Chart("specialisation", "Experts by family", caption, panes)


def confidence(runs: Runs, styles: Mapping[str, Style]) -> Chart | None:
    """Histogram of the largest router probability per sample and layer."""
    routed = _routed(runs, "confidence")
    panes = []
    for layer in _layers(routed):
        marks: list[Mark] = []
        for name, shares in _shares(routed, layer, "confidence").items():
            bins = shares.shape[1]
            middles = [(place + 0.5) / bins for place in range(bins)]
            line = Line(name, styles[name], middles, _percent(shares.mean(0)))
            if len(shares) > 1:
                line = replace(line, low=_percent(shares.min(0)), high=_percent(shares.max(0)))
            marks.append(line)
        sizes = {shares.shape[1] for shares in _shares(routed, layer, "load").values()}
        marks += [Upright(f"1/{size}", 1 / size) for size in sorted(sizes)]
        x = Axis("largest router probability", limits=(0.0, 1.0))
        panes.append(Pane(layer, x, Axis("share of samples [%]"), marks))
    if not panes:
        return None
    caption = (
        "How sure the routers are; at 1 / experts a router does not choose at all (histogram as a "
        f"line, mean and range over seeds); from {source(routed)}."
    )
    return Chart("router_confidence", "Router confidence", caption, panes)


def _routed(runs: Runs, key: str) -> list[Run]:
    return [run for run in runs.finished if any(layer.get(key) for layer in _tables(run))]


def _tables(run: Run) -> list[dict[str, Any]]:
    return run.result.tables.get("routing", [])


def _layers(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(layer["layer"] for run in runs for layer in _tables(run)))


def _shares(runs: Sequence[Run], layer: str, key: str) -> dict[str, np.ndarray]:
    """Rows of shares, one per seed, by setting; a table of another length is left out."""
    found: dict[str, list[np.ndarray]] = {}
    for run in runs:
        for table in _tables(run):
            if table["layer"] == layer and np.sum(table.get(key, [])) > 0:
                counts = np.asarray(table[key], dtype=float)
                found.setdefault(run.setting, []).append(counts / counts.sum())
    return {
        name: np.stack([r for r in rows if len(r) == len(rows[0])]) for name, rows in found.items()
    }


def _by_row(counts: Sequence[Sequence[float]]) -> np.ndarray:
    table = np.asarray(counts, dtype=float)
    totals = table.sum(axis=1, keepdims=True)
    return np.divide(table, totals, out=np.zeros_like(table), where=totals > 0)


def _heat(shares: np.ndarray, families: Sequence[str]) -> Heat:
    rows, experts = shares.shape
    names = families if len(families) == rows else [f"family {row}" for row in range(rows)]
    readable = max(rows, experts) <= _READABLE
    texts = [[f"{v:.2f}" if readable else "" for v in row] for row in shares]
    columns = [str(expert) for expert in range(experts)]
    return Heat(columns, names, shares.tolist(), texts, 1.0)


def _percent(shares: np.ndarray) -> list[float]:
    return (100 * shares).tolist()

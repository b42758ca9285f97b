"""How dense each sparse layer really is, and what moving masks did."""

from collections.abc import Mapping, Sequence

import numpy as np

from triptych.report.chart import Axis, Bars, Chart, Level, Mark, Pane
from triptych.report.figures.provenance import source
from triptych.report.figures.seed_lines import BAND, seed_lines
from triptych.report.palette import Style
from triptych.report.runs import Run, Runs

_CURVES = (
    ("train/sparse/explored", "Explored so far", "places ever in a mask [%]"),
    ("train/sparse/churn", "Churn of the masks", "weights moved by an update [%]"),
)


def sparsity(runs: Runs, styles: Mapping[str, Style]) -> Chart | None:
    """Measured density per layer and setting beside what was asked for and, where masks move, two
    panes over the epochs; None without a sparse run."""
    sparse = [run for run in runs.finished if run.result.tables.get("density")]
    if not sparse:
        return None
    unit = Axis("non-zero weights [%]")
    caption = (
        "Share of weights that are not zero in each sparse layer, counted at the tested checkpoint "
        "(mean over seeds; dashed = asked for)"
    )
    curves = [_curve(runs, styles, *curve) for curve in _CURVES]
    panes = [pane for pane in curves if pane is not None]
    if panes:
        caption += (
            "; share of all places that were in a mask at some time, and share of the weights that "
            f"each update of an epoch moved ({BAND})"
        )
    title = "Density" if panes else ""
    density = Pane(title, Axis("layer", "category"), unit, _bars(sparse, styles))
    caption += f"; from {source(sparse)}."
    return Chart("sparsity", "Sparsity per layer", caption, (density, *panes))


def _bars(sparse: Sequence[Run], styles: Mapping[str, Style]) -> list[Mark]:
    marks: list[Mark] = []
    targets: dict[float, None] = {}
    for name in dict.fromkeys(run.setting for run in sparse):
        runs = [run for run in sparse if run.setting == name]
        layers = _densities(runs)
        means = [100 * float(np.mean(values)) for values in layers.values()]
        colour = styles[name].colour
        marks.append(Bars(name, colour, [colour] * len(layers), list(layers), means))
        targets |= dict.fromkeys(_targets(runs))
    return [*marks, *(Level(f"target {target:g} %", target) for target in targets)]


def _densities(runs: Sequence[Run]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for run in runs:
        for row in run.result.tables["density"]:
            found.setdefault(row["layer"], []).append(row["density"])
    return found


def _targets(runs: Sequence[Run]) -> list[float]:
    """In percent; none in older runs."""
    rows = [row for run in runs for row in run.result.tables["density"]]
    return [round(100 * row["target"], 4) for row in rows if "target" in row]


def _curve(
    runs: Runs, styles: Mapping[str, Style], column: str, title: str, unit: str
) -> Pane | None:
    lines = seed_lines(runs, styles, "epoch", column, 100.0)
    return Pane(title, Axis("epoch"), Axis(unit), lines) if lines else None

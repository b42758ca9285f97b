"""How dense each sparse layer really is."""

from collections.abc import Mapping

import numpy as np

from triptych.report.chart import Axis, Bars, Chart, Mark, Pane
from triptych.report.figures.provenance import source
from triptych.report.palette import Style
from triptych.report.runs import Run, Runs


def sparsity(runs: Runs, styles: Mapping[str, Style]) -> Chart | None:
    """Measured density per layer and setting; None without a sparse run."""
    sparse = [run for run in runs.finished if run.result.tables.get("density")]
    if not sparse:
        return None
    marks: list[Mark] = []
    for name in dict.fromkeys(run.setting for run in sparse):
        layers = _densities([run for run in sparse if run.setting == name])
        means = [100 * float(np.mean(values)) for values in layers.values()]
        colour = styles[name].colour
        marks.append(Bars(name, colour, [colour] * len(layers), list(layers), means))
    pane = Pane("", Axis("layer", "category"), Axis("non-zero weights [%]"), marks)
    caption = (
        "Share of weights that are not zero in each sparse layer, counted at the tested checkpoint "
        f"(mean over seeds); from {source(sparse)}."
    )
    return Chart("sparsity", "Sparsity per layer", caption, (pane,))


def _densities(runs: list[Run]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for run in runs:
        for row in run.result.tables["density"]:
            found.setdefault(row["layer"], []).append(row["density"])
    return found

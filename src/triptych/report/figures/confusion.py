"""Which classes are taken for which."""

from collections.abc import Mapping

import numpy as np

from triptych.report.chart import Axis, Chart, Heat, Pane
from triptych.report.figures.provenance import source
from triptych.report.palette import Style
from triptych.report.runs import Run, Runs

# Above this many classes the cells are too small for numbers.
_READABLE = 12


def confusion(runs: Runs, styles: Mapping[str, Style]) -> Chart | None:
    """One matrix per setting, summed over its seeds; None if none was recorded."""
    counted = [run for run in runs.finished if run.result.tables.get("confusion")]
    if not counted:
        return None
    panes = [
        _pane(name, [run for run in counted if run.setting == name])
        for name in dict.fromkeys(run.setting for run in counted)
    ]
    caption = (
        "True class (row) against predicted class (column) on the test set: colour = share of the "
        f"row, number = samples, summed over seeds; from {source(counted)}."
    )
    return Chart("confusion", "Confusion", caption, panes)


def _pane(name: str, runs: list[Run]) -> Pane:
    matrices = [np.asarray(run.result.tables["confusion"], dtype=float) for run in runs]
    counts = np.sum([m for m in matrices if m.shape == matrices[0].shape], axis=0)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    names = [str(label) for label in runs[0].result.tables.get("classes", [])]
    if len(names) != len(counts):
        names = [str(place) for place in range(len(counts))]
    readable = len(counts) <= _READABLE
    texts = [[f"{count:.0f}" if readable else "" for count in row] for row in counts]
    heat = Heat(names, names, shares.tolist(), texts, 1.0)
    x, y = Axis("predicted class", "category"), Axis("true class", "category")
    return Pane(name, x, y, (heat,))

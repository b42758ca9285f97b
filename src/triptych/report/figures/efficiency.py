"""What accuracy a budget of compute or of time buys while training."""

from collections.abc import Mapping

from triptych.report.chart import Axis, Chart, Pane
from triptych.report.figures.provenance import source
from triptych.report.figures.seed_lines import BAND, seed_lines
from triptych.report.palette import Style
from triptych.report.runs import Runs

_PANES = (
    ("compute/train_flops", "Accuracy per compute", "training FLOPs so far"),
    ("time/train_s", "Accuracy per time", "training time so far [s]"),
)


def efficiency(runs: Runs, styles: Mapping[str, Style]) -> Chart | None:
    """Validation accuracy against cumulative training FLOPs and seconds; None if not logged."""
    panes = []
    for column, title, unit in _PANES:
        lines = seed_lines(runs, styles, column, "val/acc", 100.0)
        if lines:
            panes.append(Pane(title, Axis(unit), Axis("validation accuracy [%]"), lines))
    if not panes:
        return None
    caption = (
        "Validation accuracy against the training spent so far (FLOPs: needed, forward and "
        f"backward; seconds depend on the machine and its load; {BAND}); "
        f"from {source(runs.finished)}."
    )
    return Chart("efficiency", "Efficiency over training", caption, panes)

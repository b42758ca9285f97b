"""Accuracy and loss over the epochs."""

from collections.abc import Mapping

from triptych.report.chart import Axis, Chart, Pane
from triptych.report.figures.provenance import source
from triptych.report.figures.seed_lines import BAND, seed_lines
from triptych.report.palette import Style
from triptych.report.runs import Runs

_PANES = (
    ("val/acc", "Validation accuracy", "accuracy [%]", 100.0),
    ("val/loss", "Validation loss", "cross entropy [nats]", 1.0),
    ("train/acc", "Training accuracy", "accuracy [%]", 100.0),
    ("train/loss", "Training loss", "cross entropy [nats]", 1.0),
)


def curves(runs: Runs, styles: Mapping[str, Style]) -> Chart | None:
    """Up to four panes, one for each logged metric; None if nothing was logged."""
    panes = []
    for column, title, unit, factor in _PANES:
        lines = seed_lines(runs, styles, "epoch", column, factor)
        if lines:
            panes.append(Pane(title, Axis("epoch"), Axis(unit), lines))
    if not panes:
        return None
    caption = f"How accuracy and loss develop ({BAND}); from {source(runs.finished)}."
    return Chart("curves", "Learning curves", caption, panes)

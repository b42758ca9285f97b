"""What the load-balancing loss is, and how hard it pushes."""

from collections.abc import Mapping

from triptych.report.chart import Axis, Chart, Pane
from triptych.report.figures.provenance import source
from triptych.report.figures.seed_lines import BAND, seed_lines
from triptych.report.palette import Style
from triptych.report.runs import Runs

_PANES = (
    ("train/moe/balance_loss", "Balance loss, without coefficient", "loss"),
    ("train/moe/z_loss", "Router z-loss, without coefficient", "loss"),
    ("train/moe/balance_pressure", "Its pull on the router against the task", "gradient ratio"),
)


def balance(runs: Runs, styles: Mapping[str, Style]) -> Chart | None:
    """Up to three panes over the epochs; None without a mixture of experts."""
    panes = []
    for column, title, unit in _PANES:
        lines = seed_lines(runs, styles, "epoch", column, 1.0)
        if lines:
            panes.append(Pane(title, Axis("epoch"), Axis(unit), lines))
    if not panes:
        return None
    caption = (
        "The mean balance loss of an epoch and, where they were measured, the z-loss and the norm "
        "of the balance loss's gradient over that of the cross entropy, at the router "
        f"({BAND}); from {source(runs.finished)}."
    )
    return Chart("balance", "Load balancing", caption, panes)

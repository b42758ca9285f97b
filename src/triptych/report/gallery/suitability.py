"""Which net is ahead at which number of samples, from a study's own table."""

from pathlib import Path

import pandas as pd

from triptych.report.chart import Axis, Chart, Line, Pane
from triptych.report.palette import panel_styles
from triptych.report.study.figures import place

PANELS = {"dense": "ffn", "big_dense": "ffn", "sparse": "sparse", "moe": "moe"}
COLUMNS = {"cell", "arm", "test_acc", "low", "high", "seeds"}


def suitability(table: Path) -> Chart | None:
    """Accuracy against the number of training samples; None without such a table.

    Args:
        table: `arms.csv` of the study `samples`.
    """
    if not table.is_file():
        return None
    arms = pd.read_csv(table)
    if not COLUMNS.issubset(arms.columns):
        return None
    arms = arms.assign(n=[place(str(cell)) for cell in arms["cell"]])
    names = [str(name) for name in dict.fromkeys(arms["arm"])]
    looks = panel_styles({name: PANELS.get(name, "") for name in names})
    lines = []
    for name in names:
        mine = arms.loc[(arms["arm"] == name) & arms["n"].notna()].sort_values(by="n")
        y, low, high = ((100 * mine[key]).tolist() for key in ("test_acc", "low", "high"))
        lines.append(Line(name, looks[name], mine["n"].tolist(), y, low, high))
    if not lines:
        return None
    seeds = ", ".join(sorted({f"{int(count)}" for count in arms["seeds"]}))
    caption = (
        "Test accuracy on data with 16 rules (line = mean, band = 95 % interval over seeds); "
        f"{seeds} seeds for each point; dense has the active size of the experts, big_dense their "
        "total size."
    )
    pane = Pane("", Axis("training samples", "log"), Axis("test accuracy [%]"), lines)
    return Chart("suitability", "Which net for how many samples", caption, (pane,))

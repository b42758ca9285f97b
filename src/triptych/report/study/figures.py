"""A study in figures: accuracy over the cells, and every arm against the baselines."""

from collections.abc import Mapping, Sequence

import numpy as np

from triptych.report.chart import Axis, Chart, Cloud, Interval, Line, Mark, Pane, Rule, Upright
from triptych.report.palette import Style, panel_styles
from triptych.report.study.differences import Difference
from triptych.report.study.outcomes import CEILING, Outcomes

WIDE = 8.0  # from this ratio on, an axis is logarithmic


def arm_styles(outcomes: Outcomes) -> dict[str, Style]:
    """The style of each arm, by the panel of its runs."""
    return panel_styles({arm: outcomes.panel(arm) for arm in outcomes.study.arms})


def place(cell: str) -> float | None:
    """The number in a cell's name, if it is one.

    >>> place("K=32"), place("K=32, n=500"), place("plain")
    (32.0, None, None)
    """
    _, _, value = cell.partition("=")
    try:
        return float(value)
    except ValueError:
        return None


def over_cells(outcomes: Outcomes, styles: Mapping[str, Style]) -> Chart | None:
    """Mean test accuracy of each arm over cells whose names are numbers of one thing; None where
    they are not."""
    cells = list(outcomes.cells())
    places = [place(cell) for cell in cells]
    known = [value for value in places if value is not None]
    if len(known) < max(2, len(cells)) or len({cell.partition("=")[0] for cell in cells}) > 1:
        return None
    marks: list[Mark] = []
    for arm, style in styles.items():
        at = [(value, outcomes.scores(cell, arm)) for cell, value in zip(cells, known, strict=True)]
        seen = [(value, list(scores.values())) for value, scores in at if scores]
        if not seen:
            continue
        x = [value for value, _ in seen]
        y = [100 * float(np.mean(scores)) for _, scores in seen]
        marks.append(Line(arm, style, x, y))
        single = [(value, 100 * score) for value, scores in seen for score in scores]
        labels = [f"{arm}, {100 * score:.2f} %" for _, scores in seen for score in scores]
        xs, ys = (list(part) for part in zip(*single, strict=True))
        marks.append(Cloud(arm, style, xs, ys, labels))
    if not marks:
        return None
    if outcomes.ceilings.keys() >= set(cells):
        most = [100 * outcomes.ceilings[cell].accuracy for cell in cells]
        marks.append(Rule(CEILING, known, most))
    name = cells[0].partition("=")[0]
    wide = min(known) > 0 and max(known) / min(known) >= WIDE
    x_axis = Axis(name, "log" if wide else "linear", ticks=tuple(sorted(known)))
    pane = Pane("", x_axis, Axis("test accuracy [%]"), marks)
    caption = "Mean test accuracy over seeds (lines) and single runs (points)."
    return Chart("cells", f"Accuracy against {name}", caption, (pane,))


def against(found: Sequence[Difference], styles: Mapping[str, Style]) -> Chart | None:
    """Every difference with its interval, a pane for each cell; None without any."""
    panes: list[Pane] = []
    for cell, second in dict.fromkeys((one.cell, one.second) for one in found):
        here = [one for one in found if (one.cell, one.second) == (cell, second)]
        judged = [one for one in here if one.paired.n > 1]
        if not judged:
            continue
        marks: list[Mark] = [
            Interval(
                one.first,
                styles[one.first],
                one.first,
                100 * one.paired.mean,
                100 * one.paired.low,
                100 * one.paired.high,
            )
            for one in reversed(judged)
        ]
        margin = 100 * judged[0].equivalence.margin
        marks += [Upright("", x) for x in (-margin, 0.0, margin)]
        x_axis = Axis(f"minus {second} [points]")
        panes.append(Pane(cell, x_axis, Axis("", "category"), marks))
    if not panes:
        return None
    caption = (
        "Mean difference in test accuracy, paired by seed, with its 95 % t interval; the outer"
        " dashed lines bound a tie."
    )
    return Chart("differences", "Who is ahead?", caption, panes)

"""Accuracy against the time that a trained net takes to answer."""

import math
from collections.abc import Sequence

from triptych.report.chart import Axis, Chart, Cloud, Line, Pane
from triptych.report.comparison import points
from triptych.report.palette import OTHER, PANEL_COLOURS, PANEL_SYMBOLS, Style
from triptych.report.study.latencies import MANY, ONE, Latencies, Latency
from triptych.report.study.outcomes import Outcomes

HEAD = ("Cell", "Arm", "Accuracy [%]", f"{MANY} answers [ms]", "One answer [ms]")


def speed(outcomes: Outcomes) -> Chart | None:
    """A pane for each cell and each number of samples, with a line for each panel through its arms
    in the order of the study; None where nothing was measured."""
    known = outcomes.latencies
    if known is None:
        return None
    panes = [
        Pane(cell, Axis(title, "log", ticks=_ticks(marks)), Axis("test accuracy [%]"), marks)
        for cell in outcomes.cells()
        for batch, title in ((MANY, f"ms for {MANY} answers"), (ONE, "ms for one answer"))
        if (marks := _marks(outcomes, known, cell, batch))
    ]
    if not panes:
        return None
    caption = (
        "Mean test accuracy over seeds against the median time of a forward pass of one net; a"
        f" line joins the arms of one panel. {known.where}."
    )
    return Chart("speed", "What an answer takes", caption, panes)


def speed_table(outcomes: Outcomes) -> list[list[str]]:
    """Milliseconds with their quartiles, cell by cell; only the head where nothing was measured."""
    rows = [list(HEAD)]
    known = outcomes.latencies
    if known is None:
        return rows
    for cell, arm in outcomes.study.pairs:
        found = [known.of(cell, arm, batch) for batch in (MANY, ONE)]
        accuracy = outcomes.accuracy(cell, arm)
        if accuracy is not None and any(found):
            rows.append(
                [cell, arm, points(accuracy), *("" if f is None else told(f) for f in found)]
            )
    return rows


def told(latency: Latency) -> str:
    """Milliseconds: the median and the quartiles.

    >>> told(Latency("K=1", "moe", 3, 512, 0.00125, 0.0012, 0.0015))
    '1.25 [1.2, 1.5]'
    """
    median, low, high = (1000 * s for s in (latency.median, latency.low, latency.high))
    return f"{median:.3g} [{low:.3g}, {high:.3g}]"


def _marks(outcomes: Outcomes, known: Latencies, cell: str, batch: int) -> list[Line | Cloud]:
    by_panel: dict[str, list[tuple[Latency, float]]] = {}
    for arm in outcomes.arms(cell):
        latency, accuracy = known.of(cell, arm, batch), outcomes.accuracy(cell, arm)
        if latency is not None and accuracy is not None:
            by_panel.setdefault(outcomes.panel(arm), []).append((latency, accuracy))
    return [mark for panel, found in by_panel.items() for mark in _joined(panel, found)]


def _ticks(marks: Sequence[Line | Cloud]) -> tuple[float, ...]:
    """1, 2 and 5 of each decade, from the last before the data to the first after them."""
    every = [x for mark in marks for x in mark.x]
    decades = range(math.floor(math.log10(min(every))), math.floor(math.log10(max(every))) + 2)
    steps = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
    first = max(step for step in steps if step <= min(every))
    last = min(step for step in steps if step >= max(every))
    return tuple(step for step in steps if first <= step <= last)


def _joined(panel: str, found: Sequence[tuple[Latency, float]]) -> list[Line | Cloud]:
    style = Style(PANEL_COLOURS.get(panel, OTHER), symbol=PANEL_SYMBOLS.get(panel, "triangle-up"))
    x = [1000 * latency.median for latency, _ in found]
    y = [100 * accuracy for _, accuracy in found]
    labels = [f"{one.arm}: {points(share)} % in {told(one)} ms" for one, share in found]
    return [Line(panel, style, x, y), Cloud(panel, style, x, y, labels)]

"""Parameters against width, counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from triptych.report.chart import Axis, Chart, Line, Mark, Pane
from triptych.report.palette import NEUTRAL, PANEL_COLOURS, Style, lighten
from triptych.report.table import short_number


@final
@dataclass(frozen=True)
class Count:
    """The parameters of one net.

    Attributes:
        subject: `ffn`, `sparse` or `moe`.
        width: of what goes in.
        total: parameters that it has.
        active: parameters that a sample meets.
    """

    subject: str
    width: int
    total: float
    active: float


def against_width(counts: Sequence[Count], block: str) -> Chart:
    """Of a feed-forward block of each kind.

    Args:
        counts: in the order of the legend, ascending widths.
        block: what the blocks are, for the caption.
    """
    marks: list[Mark] = []
    for subject in dict.fromkeys(count.subject for count in counts):
        mine = [count for count in counts if count.subject == subject]
        x, total = [count.width for count in mine], [count.total for count in mine]
        active = [count.active for count in mine]
        colour = PANEL_COLOURS.get(subject, NEUTRAL)
        if total == active:
            marks.append(Line(subject, Style(colour), x, total))
        else:
            marks.append(Line(f"{subject}, total", Style(lighten(colour, 0.35), "dash"), x, total))
            marks.append(Line(f"{subject}, active", Style(colour, "dot", "diamond"), x, active))
    caption = f"Parameters of one block, {block}: each point is a net that was counted."
    pane = Pane("", Axis("width d", "log"), Axis("parameters", "log"), marks)
    return Chart("counts", "Parameters against width", caption, (pane,))


def of_dense_nets(counts: Sequence[Count]) -> Chart:
    """A dense net of the slides at the slides' sizes."""
    x, y = [count.width for count in counts], [count.total for count in counts]
    line = Line("dense", Style(PANEL_COLOURS["ffn"]), x, y)
    pane = Pane("", Axis("input size", "log"), Axis("parameters", "log"), (line,))
    caption = (
        "The net d - d/2 - d/2 - 10 of the slides, counted on torch's meta device, where a tensor "
        "has a shape and no memory."
    )
    return Chart("dense_counts", "Parameters of a dense net", caption, (pane,))


def at_largest(counts: Sequence[Count]) -> str:
    """The parameters of the widest blocks, in words."""
    widest = max(count.width for count in counts)
    told = []
    for count in counts:
        if count.width == widest:
            more = f" and {short_number(count.active)} active" if count.active < count.total else ""
            told.append(f"{count.subject} {short_number(count.total)}{more}")
    return f"At a width of {widest:,}: {', '.join(told)}."

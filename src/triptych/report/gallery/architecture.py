"""Nets as nested boxes, from what their modules are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from triptych.report.chart import Axis, Box, Chart, Mark, Pane
from triptych.report.palette import NEUTRAL, PANEL_COLOURS

ROW, TITLE, GAP = 1.0, 0.8, 0.14
INSET = 0.035
LOT = 16  # boxes side by side


@final
@dataclass(frozen=True)
class Part:
    """A module of a net.

    Attributes:
        text: what is written about it.
        special: whether it belongs to what the nets differ in.
        copies: equal networks in it, as experts of a bank.
        parts: modules in it, in the order in which data pass them.
    """

    text: str
    special: bool = False
    copies: int = 1
    parts: tuple["Part", ...] = ()


def architecture(nets: Mapping[str, Part]) -> Chart | None:
    """A pane for each net, data going downwards; None without any.

    Args:
        nets: by panel.
    """
    if not nets:
        return None
    depth = max(map(height, nets.values()))
    panes = [
        Pane(f"{panel}: {net.text}", Axis("", "none", (0, 1)), Axis("", "none", (0, depth)), marks)
        for panel, net in nets.items()
        if (marks := _inside(net, panel, (0.0, 1.0), depth))
    ]
    caption = (
        "The modules that a sample really passed, from the top to the bottom in the order of their "
        "calls, with widths as they came in and out and numbers of parameters as declared (of a "
        "sparse layer its weights that exist). Coloured is what the nets differ in."
    )
    return Chart("architecture", "The three nets", caption, panes)


def height(part: Part) -> float:
    """Of the box of a part with all that is in it."""
    if part.copies > 1:
        return TITLE + ROW + GAP
    if not part.parts:
        return ROW
    return TITLE + GAP + sum(height(inner) + GAP for inner in part.parts)


def _inside(part: Part, panel: str, x: tuple[float, float], top: float) -> list[Mark]:
    """The boxes of what is in a part; `top` is the upper edge of the room for them."""
    marks: list[Mark] = []
    for inner in part.parts:
        bottom = top - height(inner)
        marks += _box(inner, panel, x, (bottom, top))
        top = bottom - GAP
    return marks


def _box(part: Part, panel: str, x: tuple[float, float], y: tuple[float, float]) -> list[Mark]:
    colour = PANEL_COLOURS.get(panel, NEUTRAL) if part.special else NEUTRAL
    room = (x[0] + INSET, x[1] - INSET)
    if part.copies > 1:
        whole = Box(x, y, colour, part.text, holds_others=True)
        return [whole, *_copies(min(part.copies, LOT), colour, room, y[1] - TITLE)]
    if part.parts:
        whole = Box(x, y, colour, part.text, holds_others=True)
        return [whole, *_inside(part, panel, room, y[1] - TITLE)]
    return [Box(x, y, colour, part.text)]


def _copies(number: int, colour: str, x: tuple[float, float], top: float) -> list[Mark]:
    width = (x[1] - x[0]) / number
    edges = [x[0] + width * place for place in range(number)]
    return [
        Box((left + 0.1 * width, left + 0.9 * width), (top - ROW, top), colour, str(place))
        for place, left in enumerate(edges)
    ]

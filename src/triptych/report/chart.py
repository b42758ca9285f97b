"""A figure as plain data, panes with axes and marks: built once, drawn by two modules."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from triptych.report.palette import Style

Numbers = Sequence[float]


@dataclass(frozen=True)
class Line:
    """A line through (x, y); `low` and `high` span a band around it, empty = no band."""

    name: str
    style: Style
    x: Numbers
    y: Numbers
    low: Numbers = ()
    high: Numbers = ()


@dataclass(frozen=True)
class Cloud:
    """Single runs as small pale points; `labels` say which run each one is."""

    name: str
    style: Style
    x: Numbers
    y: Numbers
    labels: Sequence[str]


@dataclass(frozen=True)
class Mean:
    """One mean as a large mark with a vertical bar of +-`error` (NaN = none)."""

    name: str
    style: Style
    x: float
    y: float
    error: float


@dataclass(frozen=True)
class Interval:
    """One labelled row: a point and its interval along x."""

    name: str
    style: Style
    row: str
    x: float
    low: float
    high: float


@dataclass(frozen=True)
class Bars:
    """Bars over named places, one colour each, and `key` as the colour in the legend.

    `low` and `high` bound error bars, empty = none.
    """

    name: str
    key: str
    colours: Sequence[str]
    x: Sequence[str]
    y: Numbers
    low: Numbers = ()
    high: Numbers = ()


@dataclass(frozen=True)
class Heat:
    """A matrix of shares, rows from the top; `texts` are written into the cells."""

    x: Sequence[str]
    y: Sequence[str]
    values: Sequence[Numbers]
    texts: Sequence[Sequence[str]]
    highest: float


@dataclass(frozen=True)
class Tile:
    """One place of a map: who has it, hatched where that is not shown."""

    name: str
    style: Style
    text: str
    is_hatched: bool


@dataclass(frozen=True)
class Tiles:
    """A map: rows from the bottom, each with a tile for each column or None."""

    x: Sequence[str]
    y: Sequence[str]
    rows: Sequence[Sequence[Tile | None]]


@dataclass(frozen=True)
class Violins:
    """The spread of many numbers over named places, one colour each, with every number as a point.

    `labels` say what each point is.
    """

    x: Sequence[str]
    colours: Sequence[str]
    values: Sequence[Numbers]
    labels: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Field:
    """Values in [0, 1] over a plane, rows from the bottom, with the line on which they are 1/2.

    `low` and `high` are the colours of 0 and 1; between them it is pale.
    """

    x: Numbers
    y: Numbers
    values: Sequence[Numbers]
    low: str
    high: str


@dataclass(frozen=True)
class Box:
    """A rectangle with a text: in its middle, or along its upper edge if it holds other boxes."""

    x: tuple[float, float]
    y: tuple[float, float]
    colour: str
    text: str
    holds_others: bool = False


@dataclass(frozen=True)
class Rule:
    """A grey dashed line of reference with a name."""

    name: str
    x: Numbers
    y: Numbers


@dataclass(frozen=True)
class Level:
    """A grey dashed horizontal line of reference across the pane, with a name."""

    name: str
    y: float


@dataclass(frozen=True)
class Upright:
    """A grey dashed vertical line of reference across the pane, with a name."""

    name: str
    x: float


Mark = (
    Line
    | Cloud
    | Mean
    | Interval
    | Bars
    | Heat
    | Tiles
    | Violins
    | Field
    | Box
    | Rule
    | Level
    | Upright
)


@dataclass(frozen=True)
class Axis:
    """What an axis shows, with its unit, and how it is spaced; `none` is not drawn.

    Attributes:
        ticks: the only values that are marked; those of the renderer if none is given.
    """

    title: str
    scale: Literal["linear", "log", "category", "none"] = "linear"
    limits: tuple[float, float] | None = None
    ticks: tuple[float, ...] = ()


@dataclass(frozen=True)
class Pane:
    """One pair of axes and what is drawn on it."""

    title: str
    x: Axis
    y: Axis
    marks: Sequence[Mark]

    @property
    def rows(self) -> int:
        """Labelled rows: a pane grows with them."""
        return len({mark.row for mark in self.marks if isinstance(mark, Interval)})


@dataclass(frozen=True)
class Key:
    """One entry of a figure's legend."""

    name: str
    style: Style


@dataclass(frozen=True)
class Chart:
    """A figure: one or more panes, and a caption that says what it shows and from which runs.

    Attributes:
        name: of its PNG file and its address on the page.
    """

    name: str
    title: str
    caption: str
    panes: Sequence[Pane]

    @property
    def keys(self) -> list[Key]:
        """The legend: every named style once, in the order of drawing."""
        found: dict[str, Key] = {}
        for pane in self.panes:
            for mark in pane.marks:
                for key in _keys(mark):
                    found.setdefault(key.name, key)
        return list(found.values())


def shortened(label: str) -> str:
    """The label as it fits on an axis.

    >>> shortened("moe, top_k=2"), len(shortened("x" * 99))
    ('moe, top_k=2', 40)
    """
    return label if len(label) <= 40 else label[:39] + "…"


def _keys(mark: Mark) -> list[Key]:
    match mark:
        case Line() | Cloud() | Mean():
            return [Key(mark.name, mark.style)]
        case Bars():
            return [Key(mark.name, Style(mark.key, symbol="square"))]
        case Tiles():
            return [Key(tile.name, tile.style) for row in mark.rows for tile in row if tile]
        case _:
            return []

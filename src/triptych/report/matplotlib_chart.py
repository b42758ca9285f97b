"""Draws a chart with matplotlib and saves it as PNG: no browser, no display, no global state."""

import math
from collections.abc import Sequence
from functools import singledispatch
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import EngFormatter

from triptych.report.chart import (
    Bars,
    Box,
    Chart,
    Cloud,
    Field,
    Heat,
    Interval,
    Key,
    Level,
    Line,
    Mean,
    Pane,
    Rule,
    Tiles,
    Upright,
    Violins,
    shortened,
)
from triptych.report.matplotlib_areas import draw_box, draw_field, draw_violins
from triptych.report.palette import NEUTRAL, SHARES

_DASHES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}
_SYMBOLS = {
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "triangle-up": "^",
    "x": "X",
    "cross": "P",
}
_FEW = 30
_TICKS = 20


def save_png(chart: Chart, folder: Path) -> Path:
    """Writes `<chart name>.png` in the folder and returns its path."""
    columns = min(2, len(chart.panes))
    rows = math.ceil(len(chart.panes) / columns)
    height = max([1.2 + 0.45 * pane.rows if pane.rows else 3.7 for pane in chart.panes])
    width = 5.4 * columns if columns > 1 else 8.0
    figure = Figure(figsize=(width, height * rows + 0.5), dpi=130, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, pane in zip(cells, chart.panes, strict=False):
        _draw_pane(pane, axes)
    for axes in cells[len(chart.panes) :]:
        axes.remove()
    if chart.keys:
        handles = [_handle(key) for key in chart.keys]
        longest = max(len(str(handle.get_label())) for handle in handles)
        # About 9 letters to the inch, and 6 for the sample of the line.
        fitting = max(1, int(9 * width / (longest + 6)))
        columns = min(len(handles), 4, fitting)
        look = {"loc": "outside lower center", "ncols": columns, "frameon": False}
        figure.legend(handles=handles, **look)
    target = folder / f"{chart.name}.png"
    # Not savefig: it lays everything out twice.
    canvas.print_png(target)
    return target


def _plain(label: str) -> str:
    """The label shortened, its dollars as dollars: matplotlib would read formulas between them."""
    return shortened(label).replace("$", r"\$")


def _draw_pane(pane: Pane, axes: Axes) -> None:
    axes.set_title(_plain(pane.title), fontsize=11, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#e4e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    bars = [mark for mark in pane.marks if isinstance(mark, Bars)]
    for mark in pane.marks:
        if isinstance(mark, Bars):
            _draw_bars(mark, axes, bars.index(mark), len(bars))
        else:
            _draw(mark, axes)
    _dress(pane, axes)
    rows = [mark.row for mark in pane.marks if isinstance(mark, Interval)]
    if rows:
        axes.set_yticks(range(len(rows)), [_plain(row) for row in rows])
        axes.set_ylim(-0.6, len(rows) - 0.4)
    if bars:
        places = list(dict.fromkeys(place for mark in bars for place in mark.x))
        crowded = sum(map(len, places)) > 44
        turn = {"rotation": 30, "ha": "right"} if crowded else {}
        axes.set_xticks(range(len(places)), [_plain(place) for place in places], **turn)


def _dress(pane: Pane, axes: Axes) -> None:
    axes.set(xlabel=pane.x.title, ylabel=pane.y.title)
    axes.xaxis.set_visible(pane.x.scale != "none")
    axes.yaxis.set_visible(pane.y.scale != "none")
    if pane.x.scale == "log":
        axes.set_xscale("log")
    if pane.y.scale == "log":
        axes.set_yscale("log")
    if pane.x.limits is not None:
        axes.set_xlim(pane.x.limits)
    if pane.y.limits is not None:
        axes.set_ylim(pane.y.limits)
    for axis, drawn, highest in (
        (pane.x, axes.xaxis, axes.get_xlim()[1]),
        (pane.y, axes.yaxis, axes.get_ylim()[1]),
    ):
        if axis.scale != "category" and highest >= 10_000:
            drawn.set_major_formatter(EngFormatter(sep=""))
        if axis.ticks:
            drawn.set_ticks(axis.ticks, [f"{tick:g}" for tick in axis.ticks])
            drawn.set_ticks([], minor=True)


def _handle(key: Key) -> Line2D:
    return Line2D(
        [],
        [],
        color=key.style.colour,
        ls=_DASHES[key.style.dash],
        marker=_SYMBOLS[key.style.symbol],
        label=_plain(key.name),
    )


@singledispatch
def _draw(mark: object, axes: Axes) -> None:
    raise TypeError(f"no way to draw {mark!r}")


_draw.register(Violins, draw_violins)
_draw.register(Field, draw_field)
_draw.register(Box, draw_box)


@_draw.register
def _(mark: Line, axes: Axes) -> None:
    marker = _SYMBOLS[mark.style.symbol] if len(mark.x) <= _FEW else ""
    dash = _DASHES[mark.style.dash]
    axes.plot(mark.x, mark.y, color=mark.style.colour, ls=dash, marker=marker, ms=3.5)
    if len(mark.low):
        axes.fill_between(mark.x, mark.low, mark.high, color=mark.style.colour, alpha=0.18, lw=0)


@_draw.register
def _(mark: Cloud, axes: Axes) -> None:
    marker = _SYMBOLS[mark.style.symbol]
    axes.scatter(mark.x, mark.y, color=mark.style.colour, marker=marker, s=22, alpha=0.45, lw=0)


@_draw.register
def _(mark: Mean, axes: Axes) -> None:
    error = None if math.isnan(mark.error) else mark.error
    axes.errorbar(
        mark.x,
        mark.y,
        yerr=error,
        ms=9,
        capsize=4,
        color=mark.style.colour,
        marker=_SYMBOLS[mark.style.symbol],
    )


@_draw.register
def _(mark: Interval, axes: Axes) -> None:
    error = [[mark.x - mark.low], [mark.high - mark.x]]
    axes.errorbar(
        [mark.x],
        [mark.row],
        xerr=error,
        ms=8,
        capsize=4,
        lw=2,
        color=mark.style.colour,
        fmt=_SYMBOLS[mark.style.symbol],
    )


def _draw_bars(mark: Bars, axes: Axes, place: int, number: int) -> None:
    width = 0.75 / number
    left = np.arange(len(mark.x)) + (place - (number - 1) / 2) * width
    error = None
    if len(mark.low):
        error = [np.subtract(mark.y, mark.low), np.subtract(mark.high, mark.y)]
    look = {"ecolor": NEUTRAL, "capsize": 2}
    axes.bar(left, mark.y, width * 0.94, color=list(mark.colours), yerr=error, **look)


def named_ticks(names: Sequence[str]) -> tuple[list[int], list[str]]:
    """Places and names of the ticks: all, or every second, third ... where they would overlap."""
    places = list(range(0, len(names), math.ceil(len(names) / _TICKS) or 1))
    return places, [_plain(names[place]) for place in places]


@_draw.register
def _(mark: Heat, axes: Axes) -> None:
    values = np.array(mark.values, dtype=float)
    image = axes.imshow(
        values,
        cmap=LinearSegmentedColormap.from_list("shares", SHARES),
        vmin=0,
        vmax=mark.highest,
        aspect="auto",
    )
    places, names = named_ticks(mark.x)
    axes.set_xticks(places, names, rotation=30 if sum(map(len, names)) > 44 else 0)
    axes.set_yticks(*named_ticks(mark.y))
    axes.grid(visible=False)
    axes.figure.colorbar(image, ax=axes, shrink=0.9)
    for place, text in np.ndenumerate(np.array(mark.texts, dtype=object)):
        row, column = place[:2]
        value = values[row, column]
        colour = "white" if value > 0.55 * mark.highest else "#1d2227"
        look = {"ha": "center", "va": "center", "fontsize": 8, "color": colour}
        axes.text(column, row, str(text), **look)


@_draw.register
def _(mark: Tiles, axes: Axes) -> None:
    for row, tiles in enumerate(mark.rows):
        for column, tile in enumerate(tiles):
            if tile is None:
                continue
            hatch = "///" if tile.is_hatched else None
            look = {"facecolor": tile.style.colour, "edgecolor": "white", "hatch": hatch, "lw": 2}
            axes.add_patch(Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, **look))
            ground = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.5}
            look = {"ha": "center", "va": "center", "fontsize": 9, "bbox": ground}
            axes.text(column, row, _plain(tile.text), **look)
    axes.set_xticks(*named_ticks(mark.x))
    axes.set_yticks(*named_ticks(mark.y))
    axes.set(xlim=(-0.5, len(mark.x) - 0.5), ylim=(-0.5, len(mark.y) - 0.5))
    axes.grid(visible=False)


@_draw.register
def _(mark: Rule, axes: Axes) -> None:
    axes.plot(mark.x, mark.y, color=NEUTRAL, ls="--", lw=1.2)


@_draw.register
def _(mark: Level, axes: Axes) -> None:
    axes.axhline(mark.y, color=NEUTRAL, ls="--", lw=1.2)
    place = {"xy": (1, mark.y), "xycoords": ("axes fraction", "data")}
    look = {"ha": "right", "va": "bottom", "fontsize": 8, "color": NEUTRAL}
    axes.annotate(mark.name, **place, **look)


@_draw.register
def _(mark: Upright, axes: Axes) -> None:
    axes.axvline(mark.x, color=NEUTRAL, ls="--", lw=1.2)
    place = {"xy": (mark.x, 1), "xycoords": ("data", "axes fraction")}
    axes.annotate(mark.name, **place, ha="center", va="bottom", fontsize=8, color=NEUTRAL)

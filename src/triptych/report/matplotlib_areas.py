"""Marks that fill an area, drawn with matplotlib."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.patches import Rectangle

from triptych.report.chart import Box, Field, Violins, shortened
from triptych.report.palette import PALE


def draw_violins(mark: Violins, axes: Axes) -> None:
    """One at each place, with its points beside each other in it."""
    places = range(len(mark.x))
    drawn = axes.violinplot(
        [list(values) for values in mark.values], list(places), widths=0.7, showmeans=True
    )
    for name in ("cmeans", "cbars", "cmins", "cmaxes"):
        drawn[name].set_color(list(mark.colours))  # pyright: ignore[reportAttributeAccessIssue]
        drawn[name].set_linewidth(1.1)  # pyright: ignore[reportAttributeAccessIssue]
    bodies: Any = drawn["bodies"]
    for body, colour in zip(bodies, mark.colours, strict=True):
        body.set(facecolor=colour, edgecolor=colour, alpha=0.25)
    for place, colour, values in zip(places, mark.colours, mark.values, strict=True):
        aside = np.random.default_rng(0).uniform(-0.12, 0.12, len(values))
        axes.scatter(place + aside, values, color=colour, s=12, alpha=0.6, lw=0)
    axes.set_xticks(list(places), [shortened(name).replace("$", r"\$") for name in mark.x])


def draw_field(mark: Field, axes: Axes) -> None:
    """Colours between two, and one line."""
    scale = LinearSegmentedColormap.from_list("field", [mark.low, PALE, mark.high])
    values = np.array(mark.values, dtype=float)
    look = {"vmin": 0.0, "vmax": 1.0, "alpha": 0.75, "shading": "nearest"}
    axes.pcolormesh(mark.x, mark.y, values, cmap=scale, **look)
    if values.min() < 0.5 < values.max():
        axes.contour(mark.x, mark.y, values, levels=[0.5], colors="#1d2227", linewidths=1.3)
    axes.grid(visible=False)
    axes.set_aspect("equal")


def draw_box(mark: Box, axes: Axes) -> None:
    """With its text."""
    (left, right), (lower, upper) = mark.x, mark.y
    fill = to_rgba(mark.colour, 0.08 if mark.holds_others else 0.2)
    size = (right - left, upper - lower)
    look = {"facecolor": fill, "edgecolor": mark.colour, "lw": 1.0}
    axes.add_patch(Rectangle((left, lower), *size, **look))
    height = upper - 0.06 if mark.holds_others else (lower + upper) / 2
    align = "top" if mark.holds_others else "center"
    text = mark.text.replace("$", r"\$")
    axes.text((left + right) / 2, height, text, ha="center", va=align, fontsize=7)
    axes.grid(visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)

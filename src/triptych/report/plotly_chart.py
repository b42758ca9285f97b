"""Draws each pane of a chart with plotly, as a small plot that the page themes."""

import math
from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import plotly.graph_objects as go

from triptych.report.chart import (
    Axis,
    Bars,
    Box,
    Cloud,
    Field,
    Heat,
    Interval,
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
from triptych.report.palette import NEUTRAL, SHARES, translucent
from triptych.report.plotly_areas import draw_box, draw_field, draw_violins

# Up to this many points a line also shows each of them: a single epoch would be no line at all.
_FEW = 30
_HOVER = "%{x:.4~g}, %{y:.4~g}"


def plotly_pane(pane: Pane) -> go.Figure:
    """One pane as a plotly figure without legend; colours of text and grid come from the page."""
    figure = go.Figure(layout={"template": None, "showlegend": False})
    figure.update_layout(
        height=max(110 + 44 * pane.rows, 190) if pane.rows else 330,
        margin={"l": 62, "r": 16, "t": 34 if pane.title else 22, "b": 52},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="closest",
        title={"text": pane.title, "x": 0.0, "xref": "paper", "y": 0.975, "font": {"size": 13}},
        xaxis=_axis(pane.x),
        yaxis=_axis(pane.y),
        barmode="group",
        bargap=0.25,
    )
    for mark in pane.marks:
        _draw(mark, figure)
    if pane.rows:
        rows = [mark.row for mark in pane.marks if isinstance(mark, Interval)]
        figure.update_yaxes(range=[-0.6, pane.rows - 0.4], labelalias=_aliases(rows))
    return figure


def _axis(axis: Axis) -> dict[str, Any]:
    if axis.scale == "none":
        return {"visible": False, "range": axis.limits}
    look: dict[str, Any] = {
        "title": {"text": axis.title, "standoff": 8},
        "type": axis.scale,
        "automargin": True,
        "zeroline": False,
        "showgrid": axis.scale != "category",
        "ticks": "outside",
        "ticklen": 4,
        "exponentformat": "SI",
    }
    if axis.scale == "log":
        look["dtick"] = "D2"
    if axis.ticks:
        look |= {"tickvals": list(axis.ticks), "ticktext": [f"{tick:g}" for tick in axis.ticks]}
    if axis.limits is not None:
        low, high = axis.limits
        look["range"] = [math.log10(low), math.log10(high)] if axis.scale == "log" else [low, high]
    return look


def _aliases(labels: Sequence[str]) -> dict[str, str]:
    return {label: shortened(label) for label in labels}


@singledispatch
def _draw(mark: object, figure: go.Figure) -> None:
    raise TypeError(f"no way to draw {mark!r}")


_draw.register(Violins, draw_violins)
_draw.register(Field, draw_field)
_draw.register(Box, draw_box)


@_draw.register
def _(mark: Line, figure: go.Figure) -> None:
    if len(mark.low):
        edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "name": mark.name}
        figure.add_scatter(x=list(mark.x), y=list(mark.low), **edge)
        fill = {"fill": "tonexty", "fillcolor": translucent(mark.style.colour, 0.18)}
        figure.add_scatter(x=list(mark.x), y=list(mark.high), **edge, **fill)
    figure.add_scatter(
        x=list(mark.x),
        y=list(mark.y),
        name=mark.name,
        mode="lines+markers" if len(mark.x) <= _FEW else "lines",
        line={"color": mark.style.colour, "dash": mark.style.dash, "width": 2},
        marker={"symbol": mark.style.symbol, "size": 5},
        hovertemplate=_HOVER + "<extra>%{fullData.name}</extra>",
    )


@_draw.register
def _(mark: Cloud, figure: go.Figure) -> None:
    figure.add_scatter(
        x=list(mark.x),
        y=list(mark.y),
        name=mark.name,
        mode="markers",
        marker={
            "color": mark.style.colour,
            "symbol": mark.style.symbol,
            "size": 7,
            "opacity": 0.45,
        },
        text=list(mark.labels),
        hovertemplate="%{text}: " + _HOVER + "<extra></extra>",
    )


@_draw.register
def _(mark: Mean, figure: go.Figure) -> None:
    figure.add_scatter(
        x=[mark.x],
        y=[mark.y],
        name=mark.name,
        mode="markers",
        marker={"color": mark.style.colour, "symbol": mark.style.symbol, "size": 12},
        error_y={
            "array": [mark.error],
            "visible": not math.isnan(mark.error),
            "thickness": 1.5,
            "width": 6,
            "color": mark.style.colour,
        },
        hovertemplate="mean: " + _HOVER + "<extra>%{fullData.name}</extra>",
    )


@_draw.register
def _(mark: Interval, figure: go.Figure) -> None:
    figure.add_scatter(
        x=[mark.x],
        y=[mark.row],
        name=mark.name,
        mode="markers",
        marker={"color": mark.style.colour, "symbol": mark.style.symbol, "size": 11},
        error_x={
            "array": [mark.high - mark.x],
            "arrayminus": [mark.x - mark.low],
            "thickness": 2,
            "width": 6,
            "color": mark.style.colour,
        },
        hovertemplate=f"{mark.x:.3f} [{mark.low:.3f}, {mark.high:.3f}]<extra></extra>",
    )


@_draw.register
def _(mark: Bars, figure: go.Figure) -> None:
    error = (
        {
            "array": [high - y for high, y in zip(mark.high, mark.y, strict=True)],
            "arrayminus": [y - low for low, y in zip(mark.low, mark.y, strict=True)],
            "thickness": 1.2,
            "width": 3,
            "color": NEUTRAL,
        }
        if len(mark.low)
        else None
    )
    figure.add_bar(
        x=list(mark.x),
        y=list(mark.y),
        name=mark.name,
        marker={"color": list(mark.colours), "line": {"width": 0}},
        error_y=error,
        hovertemplate="%{x}: %{y:.4~g}<extra>%{fullData.name}</extra>",
    )
    figure.update_xaxes(labelalias=_aliases(mark.x))


@_draw.register
def _(mark: Heat, figure: go.Figure) -> None:
    figure.add_heatmap(
        x=list(mark.x),
        y=list(mark.y),
        z=[list(row) for row in mark.values],
        text=[list(row) for row in mark.texts],
        texttemplate="%{text}",
        textfont={"size": 11},
        zmin=0.0,
        zmax=mark.highest,
        colorscale=[[0.0, SHARES[0]], [1.0, SHARES[1]]],
        xgap=1,
        ygap=1,
        colorbar={"thickness": 10, "outlinewidth": 0, "len": 1.0, "tickformat": ".2~f"},
        hovertemplate="%{y} / %{x}: %{z:.3f}<extra></extra>",
    )
    look = {"ticks": "", "showgrid": False}
    figure.update_yaxes(autorange="reversed", labelalias=_aliases(mark.y), **look)
    figure.update_xaxes(labelalias=_aliases(mark.x), **look)


@_draw.register
def _(mark: Tiles, figure: go.Figure) -> None:
    for row, tiles in enumerate(mark.rows):
        for column, tile in enumerate(tiles):
            if tile is None:
                continue
            pattern = {"shape": "/" if tile.is_hatched else "", "solidity": 0.25}
            figure.add_bar(
                x=[column],
                y=[0.96],
                base=[row - 0.48],
                offset=-0.48,
                width=0.96,
                marker={"color": tile.style.colour, "pattern": pattern, "line": {"width": 0}},
                text=tile.text,
                textangle=0,
                textposition="inside",
                insidetextanchor="middle",
                insidetextfont={"size": 12},
                hovertemplate=f"{mark.x[column]}, {mark.y[row]}: {tile.text}"
                f"<extra>{tile.name}</extra>",
            )
    figure.update_xaxes(**_places(mark.x))
    figure.update_yaxes(**_places(mark.y))


def _places(names: Sequence[str]) -> dict[str, Any]:
    """Names at 0, 1, 2 ... along an axis."""
    look = {"type": "linear", "tickmode": "array", "showgrid": False, "ticks": ""}
    ticks = {"tickvals": list(range(len(names))), "ticktext": [shortened(name) for name in names]}
    return {**look, **ticks, "range": [-0.5, len(names) - 0.5]}


@_draw.register
def _(mark: Rule, figure: go.Figure) -> None:
    figure.add_scatter(
        x=list(mark.x),
        y=list(mark.y),
        mode="lines",
        line={"color": NEUTRAL, "dash": "dash", "width": 1.3},
        hovertemplate=f"{mark.name}<extra></extra>",
    )


@_draw.register
def _(mark: Level, figure: go.Figure) -> None:
    figure.add_hline(
        y=mark.y,
        line={"color": NEUTRAL, "dash": "dash", "width": 1.3},
        annotation={"text": mark.name, "font": {"size": 11, "color": NEUTRAL}},
        annotation_position="top right",
    )


@_draw.register
def _(mark: Upright, figure: go.Figure) -> None:
    figure.add_vline(
        x=mark.x,
        line={"color": NEUTRAL, "dash": "dash", "width": 1.3},
        annotation={"text": mark.name, "font": {"size": 11, "color": NEUTRAL}},
        annotation_position="top",
    )

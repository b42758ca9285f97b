"""Marks that fill an area, drawn with plotly."""

import plotly.graph_objects as go

from triptych.report.chart import Box, Field, Violins, shortened
from triptych.report.palette import PALE, translucent


def draw_violins(mark: Violins, figure: go.Figure) -> None:
    """One at each place, with its points beside each other in it."""
    for name, colour, values, labels in zip(
        mark.x, mark.colours, mark.values, mark.labels, strict=True
    ):
        figure.add_violin(
            x=[name] * len(values),
            y=list(values),
            name=name,
            text=list(labels),
            hovertemplate="%{text}: %{y:.4~g}<extra></extra>",
            hoveron="points",
            line={"color": colour, "width": 1.3},
            fillcolor=translucent(colour, 0.18),
            marker={"color": colour, "size": 5, "opacity": 0.6},
            points="all",
            pointpos=0.0,
            jitter=0.35,
            meanline={"visible": True},
            spanmode="hard",
        )
    figure.update_xaxes(labelalias={name: shortened(name) for name in mark.x})


def draw_field(mark: Field, figure: go.Figure) -> None:
    """Colours between two, and one line."""
    figure.add_contour(
        x=list(mark.x),
        y=list(mark.y),
        z=[list(row) for row in mark.values],
        zmin=0.0,
        zmax=1.0,
        colorscale=[[0.0, mark.low], [0.5, PALE], [1.0, mark.high]],
        contours={"coloring": "heatmap", "start": 0.5, "end": 0.5, "size": 1.0},
        line={"color": "#1d2227", "width": 1.6},
        opacity=0.75,
        showscale=False,
        hovertemplate="%{x:.2f}, %{y:.2f}: %{z:.2f}<extra></extra>",
    )
    figure.update_layout(height=360)
    figure.update_yaxes(showgrid=False, scaleanchor="x", constrain="domain")
    figure.update_xaxes(showgrid=False, constrain="domain")


def draw_box(mark: Box, figure: go.Figure) -> None:
    """Its text takes the colour that the page gives to all texts."""
    (left, right), (lower, upper) = mark.x, mark.y
    figure.add_shape(
        type="rect",
        x0=left,
        x1=right,
        y0=lower,
        y1=upper,
        line={"color": mark.colour, "width": 1.2},
        fillcolor=translucent(mark.colour, 0.08 if mark.holds_others else 0.2),
    )
    figure.add_annotation(
        text=mark.text,
        x=(left + right) / 2,
        y=upper if mark.holds_others else (lower + upper) / 2,
        yanchor="top" if mark.holds_others else "middle",
        yshift=-2 if mark.holds_others else 0,
        showarrow=False,
        font={"size": 10.5},
    )
    figure.update_layout(height=430, margin={"l": 4, "r": 4, "b": 8})

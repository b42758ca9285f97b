"""Experts against families as a picture."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from triptych.tracking.flat import shares

INCHES = 0.6  # of a cell
WIDEST = 20.0  # inches of all experts
ROOM = 1.6  # inches for the names of families and the scale


def heatmap(families: Sequence[str], layer: Mapping[str, Any]) -> bytes:
    """A PNG of the share of each family's routes that each expert of a layer gets.

    Args:
        layer: a row of the table `routing`; `topk_by_family` has the shape (families, experts).
    """
    # Not pyplot: it keeps figures, and may ask for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    cells = [shares(counts) for counts in layer["topk_by_family"]]
    experts = len(cells[0])
    size = (min(INCHES * experts, WIDEST) + 2 * ROOM, INCHES * len(families) + ROOM)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(cells, vmin=0.0, vmax=1.0, cmap="viridis", aspect="auto")
    axes.xaxis.set_major_locator(MaxNLocator(16, integer=True))
    axes.set_yticks(range(len(families)), labels=families)
    axes.set(xlabel="expert", title=f"{layer['layer']}: share of a family's routes")
    figure.colorbar(image)
    out = BytesIO()
    FigureCanvasAgg(figure).print_png(out)
    return out.getvalue()

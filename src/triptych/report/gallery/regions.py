"""Where nets with two inputs draw the line between two classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from triptych.report.chart import Axis, Chart, Cloud, Field, Mark, Numbers, Pane, Rule
from triptych.report.palette import CLASS_COLOURS, Style

Point = tuple[float, float]


@final
@dataclass(frozen=True)
class Region:
    """One trained net on a plane.

    Attributes:
        panel: of the net.
        accuracy: on the test set, a share.
        axis: places of the grid, the same along both features.
        probability: of the second class, a row for each place along the second feature.
        classes: names.
        samples: for each class, training samples (not all of them).
        truth: ends of the lines at which the true class changes.
    """

    panel: str
    accuracy: float
    axis: Numbers
    probability: Sequence[Numbers]
    classes: Sequence[str]
    samples: Sequence[Sequence[Point]]
    truth: Sequence[tuple[Point, Point]]


def boundaries(regions: Sequence[Region]) -> Chart | None:
    """A pane for each net; None without any."""
    if not regions:
        return None
    panes = [_pane(region) for region in regions]
    caption = (
        "Colour = the probability that a net gives to each class, solid line = where both are "
        "equally likely to it, dashed lines = where the true class changes, points = training "
        "samples (200 of them). Between the halves of the square, along its axes, the true class "
        "changes wherever two rules disagree."
    )
    return Chart("boundaries", "Decision boundaries", caption, panes)


def _pane(region: Region) -> Pane:
    marks: list[Mark] = [Field(region.axis, region.axis, region.probability, *CLASS_COLOURS)]
    marks += [Rule("true boundary", *zip(*ends, strict=True)) for ends in region.truth]
    symbols = ("circle", "diamond")
    for name, colour, symbol, points in zip(
        region.classes, CLASS_COLOURS, symbols, region.samples, strict=True
    ):
        x, y = zip(*points, strict=True) if points else ((), ())
        marks.append(Cloud(f"class “{name}”", Style(colour, symbol=symbol), x, y, [name] * len(x)))
    limits = (region.axis[0], region.axis[-1])
    title = f"{region.panel}: {100 * region.accuracy:.2f} % right"
    return Pane(title, Axis("feature 1", limits=limits), Axis("feature 2", limits=limits), marks)

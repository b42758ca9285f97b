"""Where nets with two inputs draw the line between two classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from triptych.report.chart import Axis, Chart, Cloud, Field, Mark, Numbers, Pane
from triptych.report.palette import CLASS_COLOURS, Style

Point = tuple[float, float]


@final
@dataclass(frozen=True)
class Region:
    """One trained net on a plane, or the truth.

    Attributes:
        title: of the picture.
        axis: places of the grid, the same along both features.
        probability: of the second class, a row for each place along the second feature.
        classes: names.
        samples: for each class, training samples (not all of them).
    """

    title: str
    axis: Numbers
    probability: Sequence[Numbers]
    classes: Sequence[str]
    samples: Sequence[Sequence[Point]]


def boundaries(regions: Sequence[Region]) -> Chart | None:
    """A pane for each; None without any."""
    if not regions:
        return None
    panes = [_pane(region) for region in regions]
    caption = (
        "Colour = the probability that a net gives to each class, line = where both are equally "
        f"likely to it, points = the first {sum(map(len, regions[0].samples))} training samples."
    )
    return Chart("boundaries", "Decision boundaries", caption, panes)


def _pane(region: Region) -> Pane:
    marks: list[Mark] = [Field(region.axis, region.axis, region.probability, *CLASS_COLOURS)]
    symbols = ("circle", "diamond")
    for name, colour, symbol, points in zip(
        region.classes, CLASS_COLOURS, symbols, region.samples, strict=True
    ):
        x, y = zip(*points, strict=True) if points else ((), ())
        marks.append(Cloud(f"class “{name}”", Style(colour, symbol=symbol), x, y, [name] * len(x)))
    limits = (region.axis[0], region.axis[-1])
    x, y = Axis("feature 1", limits=limits), Axis("feature 2", limits=limits)
    return Pane(region.title, x, y, marks)

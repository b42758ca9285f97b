"""Who is best where: a map over two numbers that the cells of a study are named by."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import NamedTuple, final

from triptych.report.chart import Axis, Chart, Pane, Tile, Tiles
from triptych.report.comparison import points
from triptych.report.palette import Style
from triptych.report.statistics import paired_difference
from triptych.report.study.figures import place
from triptych.report.study.outcomes import Outcomes


@final
class Spot(NamedTuple):
    """Where a cell named `K=4, n=500` lies."""

    x: str
    y: str
    column: float
    row: float


@final
class Winner(NamedTuple):
    """The arm with the best mean in a cell and its lead over the second best, as a share.

    Attributes:
        is_shown: whether the 95 % interval of the lead, paired by seed, leaves out zero.
    """

    arm: str
    lead: float
    is_shown: bool


def winner(outcomes: Outcomes, cell: str) -> Winner | None:
    """Of the arms of a cell; None unless two were measured."""
    scores = {arm: outcomes.scores(cell, arm) for arm in outcomes.arms(cell)}
    means = {arm: fmean(found.values()) for arm, found in scores.items() if found}
    if len(means) < 2:
        return None
    first, second = sorted(means, key=lambda arm: -means[arm])[:2]
    lead = paired_difference(scores[first], scores[second])
    return Winner(first, lead.mean, lead.low > 0 or lead.high < 0)


def spot(cell: str) -> Spot | None:
    """Where a cell lies on a map; None if its name is not of two numbers.

    >>> spot("K=4, n=500")
    Spot(x='K', y='n', column=4.0, row=500.0)
    >>> spot("K=4"), spot("K=4, n=many")
    (None, None)
    """
    names = [part.partition("=")[0] for part in cell.split(", ")]
    numbers = [place(part) for part in cell.split(", ")]
    match names, numbers:
        case [x, y], [float() as column, float() as row]:
            return Spot(x, y, column, row)
        case _:
            return None


def winners(outcomes: Outcomes, styles: Mapping[str, Style]) -> Chart | None:
    """The map; None if the cells are no places of one."""
    cells = {cell: spot(cell) for cell in outcomes.cells()}
    spots = {cell: found for cell, found in cells.items() if found is not None}
    names = {(found.x, found.y) for found in spots.values()}
    if len(spots) < len(cells) or len(names) != 1:
        return None
    ((x, y),) = names
    columns = sorted({found.column for found in spots.values()})
    rows = sorted({found.row for found in spots.values()})
    by_spot = {(found.column, found.row): cell for cell, found in spots.items()}
    tiles = [[_tile(outcomes, styles, by_spot.get((c, r))) for c in columns] for r in rows]
    marks = [Tiles(_named(columns), _named(rows), tiles)]
    caption = (
        "The arm with the best mean test accuracy and its lead over the second best in points;"
        " hatched where the 95 % interval of the lead, paired by seed, holds zero."
    )
    pane = Pane("", Axis(x), Axis(y), marks)
    return Chart("winners", f"Who is best at which {x} and {y}?", caption, (pane,))


def _tile(outcomes: Outcomes, styles: Mapping[str, Style], cell: str | None) -> Tile | None:
    best = None if cell is None else winner(outcomes, cell)
    if best is None:
        return None
    text = f"{best.arm} +{points(best.lead)}"
    return Tile(best.arm, styles[best.arm], text, not best.is_shown)


def _named(numbers: Sequence[float]) -> list[str]:
    return [f"{number:,g}" for number in numbers]

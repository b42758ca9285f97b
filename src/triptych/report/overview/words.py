"""The answer over all studies in words: which panel is ahead where, and what was not expected."""

from collections.abc import Callable, Mapping, Sequence

from triptych.report.advice.cells import Cell
from triptych.report.advice.words import listed
from triptych.report.comparison import points
from triptych.report.study import StudyReport
from triptych.report.study.answer import expectations

PANELS = ("dense", "sparse", "moe")


def overall(cells: Sequence[Cell], reports: Mapping[str, StudyReport]) -> list[str]:
    """Sentences: leads, ties, and expectations.

    Args:
        cells: in which panels were compared, whatever they cost.
        reports: of all studies, by name.
    """
    ahead = [cell for cell in cells if len(cell.best) == 1]
    level = [cell for cell in cells if len(cell.best) > 1]
    studies = len({cell.study for cell in cells})
    said = [f"Panels were compared on {len(cells)} tasks in {studies} of {len(reports)} studies."]
    for panels, alike in _by_best(ahead).items():
        where = cells_text(alike, lambda cell: f"{cell.name}: by {points(lead(cell))} points")
        said.append(f"{panels[0]} is ahead of the panels measured beside it in {where}.")
    for panels, alike in _by_best(level).items():
        where = cells_text(alike, lambda cell: cell.name)
        said.append(f"No lead is shown between {listed(panels, 'and')} in {where}.")
    return [*said, *_expected(reports)]


def lead(cell: Cell) -> float:
    """How far the best arm is ahead of the best one of another panel, as a share."""
    first, *others = cell.standings
    return -next(o.minus.mean for o in others if o.row.panel != first.row.panel)


def cells_text(cells: Sequence[Cell], told: Callable[[Cell], str]) -> str:
    """What is told of cells, by their studies."""
    studies = dict.fromkeys(cell.study for cell in cells)
    return "; ".join(
        f"{study} ({', '.join(told(cell) for cell in cells if cell.study == study)})"
        for study in studies
    )


def _by_best(cells: Sequence[Cell]) -> dict[tuple[str, ...], list[Cell]]:
    """Cells by the panels that are best in them, in the order of the cells."""
    found: dict[tuple[str, ...], list[Cell]] = {}
    for cell in cells:
        best = sorted((row.panel for row in cell.best), key=PANELS.index)
        found.setdefault(tuple(best), []).append(cell)
    return found


def _expected(reports: Mapping[str, StudyReport]) -> list[str]:
    """The count over all studies, and which are not confirmed."""
    claims = [(name, claim) for name, one in reports.items() for claim in one.claims]
    failed = [f"“{claim.text}” ({name})" for name, claim in claims if claim.holds is False]
    said = [line for line in [expectations([claim for _, claim in claims])] if line]
    return said + ([f"Not confirmed: {'; '.join(failed)}."] if failed else [])

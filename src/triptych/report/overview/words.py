"""The answer over all studies in words: which panel is ahead where, and what was not expected."""

from collections.abc import Mapping, Sequence

from triptych.report.advice.cells import Cell
from triptych.report.advice.words import listed
from triptych.report.study import StudyReport


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
    said += [
        f"{key} is ahead of all that was measured beside it in {where}."
        for key, where in _by_best(ahead).items()
    ]
    said += [
        f"{key}: none is shown to be behind in {where} (the cheapest first)."
        for key, where in _by_best(level).items()
    ]
    return [*said, *_expected(reports)]


def cells_text(cells: Sequence[Cell]) -> str:
    """Cells by their studies.

    >>> cells_text([])
    ''
    """
    studies = dict.fromkeys(cell.study for cell in cells)
    return "; ".join(
        f"{study} ({', '.join(cell.name for cell in cells if cell.study == study)})"
        for study in studies
    )


def _by_best(cells: Sequence[Cell]) -> dict[str, str]:
    """Where panels are best, by the panels."""
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(listed([row.panel for row in cell.best]), []).append(cell)
    return {key: cells_text(alike) for key, alike in found.items()}


def _expected(reports: Mapping[str, StudyReport]) -> list[str]:
    claims = [(name, claim) for name, one in reports.items() for claim in one.claims]
    judged = [(name, claim) for name, claim in claims if claim.holds is not None]
    if not judged:
        return []
    failed = [f"“{claim.text}” ({name})" for name, claim in judged if not claim.holds]
    said = (
        f"Of {len(claims)} expectations written down before the first run,"
        f" {len(judged) - len(failed)} are confirmed"
    )
    said += f" and {len(failed)} are not: {', '.join(failed)}" if failed else ""
    open_ones = len(claims) - len(judged)
    return [said + (f"; {open_ones} were not measured." if open_ones else ".")]

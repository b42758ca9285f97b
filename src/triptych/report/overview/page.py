"""The page over all studies: the answer, one table, each study with its figures, advice."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape

from triptych.report.advice import Budget, Measured, evidence
from triptych.report.advice.cells import Cell
from triptych.report.chart import Chart
from triptych.report.comparison import points
from triptych.report.html import Link, figure, link, section, table, whole_page
from triptych.report.overview.advice import advice_section
from triptych.report.overview.words import PANELS
from triptych.report.statistics import paired_difference
from triptych.report.study import StudyReport
from triptych.report.study.runs import runs_address

TITLE = "Dense, sparse or mixture of experts: what the studies show"


def overview_page(
    answer: Sequence[str], reports: Mapping[str, StudyReport], rows: Sequence[Measured]
) -> str:
    """The whole page as text.

    Args:
        answer: sentence by sentence.
        reports: of all studies, by name.
        rows: of all studies, in their order.
    """
    cells = evidence(rows, Budget())
    charts = {name: _charts(name, one) for name, one in reports.items()}
    parts = [
        _top(answer, rows),
        section("tasks", "Best accuracy of each panel", _tasks(cells, reports, rows)),
        *(_study(name, one, charts[name]) for name, one in reports.items()),
        section("advice", "Advice for other data", advice_section(cells)),
        "<footer>Made by Triptych from the runs of its studies.</footer>",
    ]
    panes = sum(len(chart.panes) for drawn in charts.values() for chart in drawn)
    return whole_page(TITLE, "".join(parts), panes)


def _top(answer: Sequence[str], rows: Sequence[Measured]) -> str:
    told = {name: _distinct(rows, name) for name in ("commit", "machine", "torch")}
    byline = (
        f"{sum(len(row.scores) for row in rows)} runs are compared. Code {told['commit']};"
        f" {told['machine']}; torch {told['torch']}."
    )
    sentences = "".join(f"<p>{escape(sentence)}</p>" for sentence in answer)
    return (
        f'<header><h1>{escape(TITLE)}</h1><p class="byline">{escape(byline)}</p>'
        f'<div class="answer" id="answer">{sentences}</div></header>'
    )


def _tasks(
    cells: Sequence[Cell], reports: Mapping[str, StudyReport], rows: Sequence[Measured]
) -> str:
    """A row for each cell of each study; each accuracy leads to its runs."""
    judged = {(cell.study, cell.name): cell for cell in cells}
    numbers = ("Samples", "Features", "Classes", "Rules")
    body: list[list[str | Link]] = []
    for study, name in dict.fromkeys((row.study, row.cell) for row in rows):
        arms = [row for row in rows if (row.study, row.cell) == (study, name) and not row.control]
        if not arms:
            continue
        cell = judged.get((study, name))
        best = [panel.panel for panel in cell.best] if cell else []
        task = ["" if value is None else f"{value:,}" for value in vars(arms[0].task).values()]
        panels = (_best(reports[study], [r for r in arms if r.panel == panel]) for panel in PANELS)
        head = [Link(study, f"{study}/index.html"), name, *task]
        body.append([*head, *panels, ", ".join(best) if cell else "not compared"])
    head = ("Study", "Task", *numbers, *PANELS, "Not behind")
    note = (
        "Test accuracy [%] ± half of its 95 % interval over seeds, of the arm of that panel with"
        " the best mean, whatever it costs; each leads to its runs. Not behind: no arm is shown to"
        " be ahead, paired by seed and corrected for all pairs, by more than a tie; the cheapest"
        " panel first. Controls, such as routing by chance, are on the pages of the studies."
    )
    return f'{table(head, body)}<p class="remark">{escape(note)}</p>'


def _best(report: StudyReport, arms: Sequence[Measured]) -> str | Link:
    """Of one panel in one cell."""
    means = [(paired_difference(r.scores, dict.fromkeys(r.scores, 0.0)), r) for r in arms]
    if not means:
        return ""
    mean, row = max(means, key=lambda pair: pair[0].mean)
    spread = f" ± {points((mean.high - mean.low) / 2)}" if mean.n > 1 else ""
    address = runs_address(report.outcomes.study, row.cell, row.arm)
    text = f"{points(mean.mean)}{spread}" + ("" if row.arm == row.panel else f" ({row.arm})")
    return Link(text, f"{row.study}/index.html#{address}")


def _study(name: str, report: StudyReport, charts: Sequence[Chart]) -> str:
    words = "".join(f"<li>{escape(sentence)}</li>" for sentence in report.said)
    more = link(Link(f"Tables, costs and all runs of {name}", f"{name}/index.html"))
    body = f"<ul>{words}</ul><p>{more}</p>{''.join(map(figure, charts))}"
    return section(f"study-{escape(name)}", report.outcomes.study.question, body)


def _charts(name: str, report: StudyReport) -> list[Chart]:
    """With addresses that no other study's figures have."""
    return [replace(chart, name=f"{name}-{chart.name}") for chart in report.charts]


def _distinct(rows: Sequence[Measured], name: str) -> str:
    return ", ".join(sorted({getattr(row, name) for row in rows}))

"""A study as a page and as Markdown: the answer first, then tables, figures, and all runs."""

from collections.abc import Mapping, Sequence
from html import escape

from triptych.report.chart import Chart
from triptych.report.html import Link, figure, section, table, whole_page
from triptych.report.study import tables
from triptych.report.study.outcomes import Outcomes
from triptych.report.study.provenance import made_on
from triptych.report.study.runs import runs_address, runs_section


def made_by(outcomes: Outcomes) -> str:
    """How many runs, by which code and on which machine."""
    done = [run.result for run in outcomes.runs if run.result is not None and run.is_finished]
    compared = [run for run in outcomes.runs if run.trial.stage == "comparison"]
    return (
        f"{len(done)} of {len(outcomes.runs)} runs finished; {len(compared)} are compared, on"
        f" {len(outcomes.study.seeds)} seeds. Mean test accuracy [%] ± half of the 95 % interval."
        f" {made_on(done)}"
    )


def study_markdown(outcomes: Outcomes, said: Sequence[str], told: Mapping[str, tables.Rows]) -> str:
    """The whole study, the answer first."""
    parts = [f"# {outcomes.study.question}\n"]
    parts += [f"{sentence}\n" for sentence in (*said, made_by(outcomes))]
    parts += [f"## {title}\n\n{tables.markdown(rows)}" for title, rows in told.items()]
    return "\n".join(parts)


def study_page(
    outcomes: Outcomes,
    said: Sequence[str],
    told: Mapping[str, tables.Rows],
    charts: Sequence[Chart],
    runs: str,
) -> str:
    """The whole page as text.

    Args:
        said: the answer, sentence by sentence.
        told: tables by their titles.
        runs: address of the folder of the runs, as seen from the page.
    """
    sentences = "".join(f"<p>{escape(sentence)}</p>" for sentence in said)
    top = (
        f"<header><h1>{escape(outcomes.study.question)}</h1>"
        f'<p class="byline">{escape(made_by(outcomes))}</p>'
        f'<div class="answer" id="answer">{sentences}</div></header>'
    )
    shown = {
        title: section(_address(title), title, table(rows[0], _linked(outcomes, title, rows[1:])))
        for title, rows in told.items()
    }
    first = [shown.pop(title, "") for title in (tables.ACCURACIES, tables.CLAIMS)]
    drawn = section("figures", "Figures", "".join(map(figure, charts)))
    footer = "<footer>Made by Triptych from the runs of a study.</footer>"
    listed = section("runs", "All runs", runs_section(outcomes, runs))
    body = "".join([top, *first, drawn, *shown.values(), listed, footer])
    return whole_page(outcomes.study.question, body, sum(len(c.panes) for c in charts))


def _address(title: str) -> str:
    return title.lower().replace(" ", "-")


def _linked(outcomes: Outcomes, title: str, rows: tables.Rows) -> list[list[str | Link]]:
    """Numbers, or the arms of their row, lead to the runs that they are made of."""
    if title == tables.ACCURACIES:
        cells = list(outcomes.cells())
        return [
            [arm, *(_link(outcomes, cell, arm, n) for cell, n in zip(cells, numbers, strict=True))]
            for arm, *numbers in rows
        ]
    if title in (tables.DIFFERENCES, tables.COSTS_TABLE, tables.SPEED):
        return [
            [cell, *(_link(outcomes, cell, text, text) for text in texts)] for cell, *texts in rows
        ]
    return [list(row) for row in rows]


def _link(outcomes: Outcomes, cell: str, arm: str, text: str) -> str | Link:
    """A link, if the arm ran in that cell and there is something to read."""
    known = text and (cell, arm) in outcomes.study.pairs
    return Link(text, f"#{runs_address(outcomes.study, cell, arm)}") if known else text

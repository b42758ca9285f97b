"""The report as one HTML page that needs nothing from outside: words first, then the evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

from triptych.report.chart import Chart
from triptych.report.headline import Headline
from triptych.report.html import figure, section, whole_page
from triptych.report.ledger import comparison_table, failures, measured, run_table, unreadable
from triptych.report.routing_table import routing_table
from triptych.report.runs import Runs
from triptych.report.sparse_table import sparse_table
from triptych.report.table import html_table


@dataclass(frozen=True)
class Content:
    """What a page shows; `notes` are caveats in plain words."""

    title: str
    headline: Headline
    summary: pd.DataFrame
    runs: Runs
    charts: Sequence[Chart]
    notes: Sequence[str]


def render_page(content: Content) -> str:
    """The whole page as text. Everything that comes from a run is escaped."""
    body = "".join(part for part in _sections(content) if part)
    return whole_page(content.title, body, sum(len(chart.panes) for chart in content.charts))


def _sections(content: Content) -> list[str]:
    evidence = "".join(map(figure, content.charts))
    tables = html_table(content.summary) if len(content.summary) else ""
    return [
        _top(content),
        section("results", "Results", f'<div class="scroll">{tables}</div>' if tables else ""),
        section("comparisons", "Comparisons", comparison_table(content.headline.comparisons)),
        section("routing", "Routing on the test split", routing_table(content.runs)),
        section("sparse", "Sparse nets and their layers", sparse_table(content.runs)),
        section("figures", "Figures", evidence),
        section("method", "How this was measured", measured(content.runs)),
        section("unfinished", "Runs that did not finish", failures(content.runs)),
        section("unreadable", "Unreadable", unreadable(content.runs)),
        section("runs", "All runs", run_table(content.runs)),
        "<footer>Made by Triptych from the run folders named above.</footer>",
    ]


def _top(content: Content) -> str:
    sentences = "".join(f"<p>{escape(text)}</p>" for text in content.headline.sentences)
    remarks = "".join(f'<p class="remark">{escape(text)}</p>' for text in content.headline.remarks)
    notes = "".join(f"<p>{escape(note)}</p>" for note in content.notes)
    caveats = f'<div class="warning" role="note">{notes}</div>' if notes else ""
    finished, others = len(content.runs.finished), len(content.runs.others)
    byline = f"{finished} finished run{'' if finished == 1 else 's'}"
    if early := sum(1 for run in content.runs.finished if run.result.ended_early):
        byline += f", {early} of them ended early"
    if others:
        byline += f', <a href="#unfinished">{others} not finished</a>'
    return (
        f'<header><h1>{escape(content.title)}</h1><p class="byline">{byline}</p>'
        f'<div class="answer" id="answer">{sentences}</div>{remarks}{caveats}</header>'
    )

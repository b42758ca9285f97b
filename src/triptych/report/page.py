"""The report as one HTML page that needs nothing from outside: words first, then the evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

import pandas as pd
from plotly.offline import get_plotlyjs

from triptych.report.chart import Chart, Key
from triptych.report.headline import Headline
from triptych.report.ledger import comparison_table, failures, measured, run_table, unreadable
from triptych.report.plotly_chart import plotly_pane
from triptych.report.routing_table import routing_table
from triptych.report.runs import Runs
from triptych.report.sparse_table import sparse_table
from triptych.report.table import html_table

# Nothing may be fetched, whatever a run's name or message tries.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)
_DASHES = {"solid": "", "dash": "7 4", "dot": "2 3", "dashdot": "7 3 2 3"}


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
    panes = sum(len(chart.panes) for chart in content.charts)
    body = "".join(section for section in _sections(content) if section)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{escape(content.title)}</title><style>{_asset('page.css')}</style></head>"
        f'<body data-plots="{panes}"><main>{body}</main>\n'
        f"<script>{get_plotlyjs()}</script>\n<script>{_asset('page.js')}</script></body></html>\n"
    )


def _sections(content: Content) -> list[str]:
    evidence = "".join(map(_figure, content.charts))
    tables = html_table(content.summary) if len(content.summary) else ""
    return [
        _top(content),
        _section("results", "Results", f'<div class="scroll">{tables}</div>' if tables else ""),
        _section("comparisons", "Comparisons", comparison_table(content.headline.comparisons)),
        _section("routing", "Routing on the test split", routing_table(content.runs)),
        _section("sparse", "Sparse nets and their layers", sparse_table(content.runs)),
        _section("figures", "Figures", evidence),
        _section("method", "How this was measured", measured(content.runs)),
        _section("unfinished", "Runs that did not finish", failures(content.runs)),
        _section("unreadable", "Unreadable", unreadable(content.runs)),
        _section("runs", "All runs", run_table(content.runs)),
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


def _section(address: str, title: str, body: str) -> str:
    """A section with its heading; nothing at all for an empty body."""
    if not body:
        return ""
    return f'<section id="{address}"><h2>{escape(title)}</h2>{body}</section>'


def _figure(chart: Chart) -> str:
    # plotly writes `<` as an escape, so no text can end the script element.
    plots = "".join(
        f'<div class="plot"><script type="application/json">{plotly_pane(pane).to_json()}'
        "</script></div>"
        for pane in chart.panes
    )
    keys = "".join(map(_key, chart.keys))
    legend = f'<ul class="keys">{keys}</ul>' if keys else ""
    three = " three" if len(chart.panes) == 3 else ""
    return (
        f'<figure id="{escape(chart.name)}"><h3>{escape(chart.title)}</h3>{legend}'
        f'<div class="panes{three}">{plots}</div>'
        f"<figcaption>{escape(chart.caption)}</figcaption></figure>"
    )


def _key(key: Key) -> str:
    line = (
        f'<svg viewBox="0 0 30 12" aria-hidden="true"><line x1="0" x2="30" y1="6" y2="6" '
        f'stroke="{key.style.colour}" stroke-width="3" '
        f'stroke-dasharray="{_DASHES[key.style.dash]}"/></svg>'
    )
    return f"<li>{line}{escape(key.name)}</li>"


def _asset(name: str) -> str:
    return (files("triptych.report") / "assets" / name).read_text(encoding="utf-8")

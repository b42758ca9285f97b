"""The parts that all pages are made of: one file that needs nothing from outside."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import final

from plotly.offline import get_plotlyjs

from triptych.report.chart import Chart, Key
from triptych.report.plotly_chart import plotly_pane

# Nothing may be fetched, whatever a run's name or message tries.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)
_DASHES = {"solid": "", "dash": "7 4", "dot": "2 3", "dashdot": "7 3 2 3"}


@final
@dataclass(frozen=True)
class Link:
    """A text that leads to an address; both plain."""

    text: str
    address: str


def whole_page(title: str, body: str, panes: int) -> str:
    """A page as text.

    Args:
        title: plain text.
        body: HTML.
        panes: how many plots are in it.
    """
    inner = f"<main>{body}</main>\n"
    return document(title, inner, (get_plotlyjs(), _asset("page.js")), plots=panes)


def document(
    title: str, body: str, scripts: Iterable[str], extra_style: str = "", plots: int = 0
) -> str:
    """The frame of every page, which lets nothing be fetched.

    Args:
        title: plain text.
        body: HTML.
        scripts: JavaScript, run in this order after the body was read.
        extra_style: CSS after that of all pages.
        plots: how many plots the page says that it has.
    """
    ran = "\n".join(f"<script>{script}</script>" for script in scripts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{_asset('page.css')}{extra_style}</style></head>"
        f'<body data-plots="{plots}">{body}{ran}</body></html>\n'
    )


def section(address: str, title: str, body: str) -> str:
    """A section with its heading; nothing at all for an empty body."""
    if not body:
        return ""
    return f'<section id="{address}"><h2>{escape(title)}</h2>{body}</section>'


def figure(chart: Chart) -> str:
    """A chart with its title, legend and caption."""
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


def table(head: Iterable[str], rows: Iterable[Iterable[str | Link]], look: str = "listed") -> str:
    """A table of plain texts and links, which scrolls where it is too wide.

    Args:
        head: of the columns.
        rows: below it.
        look: of `page.css`.
    """
    headings = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table class="{look}"><thead><tr>{headings}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def link(to: Link) -> str:
    """The link as HTML."""
    return f'<a href="{escape(to.address)}">{escape(to.text)}</a>'


def _cell(content: str | Link) -> str:
    return f"<td>{link(content) if isinstance(content, Link) else escape(content)}</td>"


def _key(key: Key) -> str:
    line = (
        f'<svg viewBox="0 0 30 12" aria-hidden="true"><line x1="0" x2="30" y1="6" y2="6" '
        f'stroke="{key.style.colour}" stroke-width="3" '
        f'stroke-dasharray="{_DASHES[key.style.dash]}"/></svg>'
    )
    return f"<li>{line}{escape(key.name)}</li>"


def _asset(name: str) -> str:
    return (files("triptych.report") / "assets" / name).read_text(encoding="utf-8")

"""The dashboard as one HTML page that needs nothing from outside."""

import json
from importlib.resources import files
from typing import Any

from plotly.offline import get_plotlyjs

from triptych.report.html import document

TITLE = "Triptych: runs"
# In the order in which they use one another.
_SCRIPTS = (
    "state.js",
    "elements.js",
    "statistics.js",
    "plots.js",
    "curves.js",
    "values.js",
    "heat.js",
    "tables.js",
    "compare.js",
    "runs.js",
    "dashboard.js",
)


def render(content: dict[str, Any]) -> str:
    """The page of what `collect` found. Scripts write texts of runs as texts, never as HTML."""
    data = json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    body = (
        f'<div id="app"></div><script type="application/json" id="data">{data}</script>'
        "<noscript><p>This page draws itself with JavaScript, which is switched off.</p></noscript>"
    )
    own = '"use strict";\n' + "\n".join(map(_asset, _SCRIPTS))
    return document(TITLE, body, (get_plotlyjs(), own), extra_style=_asset("dashboard.css"))


def _asset(name: str) -> str:
    return (files("triptych.report.dashboard") / "assets" / name).read_text(encoding="utf-8")

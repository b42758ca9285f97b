"""One fixed colour per panel, safe for colour-blind readers; shades and dashes for its settings."""

from collections.abc import Mapping
from dataclasses import dataclass

from triptych.report.runs import Runs

# Okabe and Ito's blue, orange and bluish green.
PANEL_COLOURS = {"ffn": "#0072B2", "sparse": "#E69F00", "moe": "#009E73"}
OTHER = "#CC79A7"
NEUTRAL = "#8A8F98"
# The two classes of a plane, Okabe and Ito's sky blue and vermilion, and what lies between them.
CLASS_COLOURS = ("#56B4E9", "#D55E00")
PALE = "#f7f7f5"
PANEL_SYMBOLS = {"ffn": "circle", "sparse": "square", "moe": "diamond"}
DASHES = ("solid", "dash", "dot", "dashdot")
# One hue from paper to ink, for shares from 0 to 1.
SHARES = ("#f1f3f4", "#0a5c8f")


@dataclass(frozen=True)
class Style:
    """How one setting looks in every figure; dash and symbol in the names that plotly uses."""

    colour: str
    dash: str = "solid"
    symbol: str = "circle"


def styles(runs: Runs) -> dict[str, Style]:
    """The style of each setting."""
    panels = {run.setting: run.result.panel for run in runs.finished}
    return panel_styles({setting: panels[setting] for setting in runs.settings})


def panel_styles(panels: Mapping[str, str]) -> dict[str, Style]:
    """The style of each name: the colour of its panel, then paler with another dash.

    Args:
        panels: by name, in the order of the legend.
    """
    found: dict[str, Style] = {}
    for name, panel in panels.items():
        siblings = [other for other in panels if panels[other] == panel]
        place = siblings.index(name)
        paleness = 0.6 * place / max(3, len(siblings) - 1)
        colour = lighten(PANEL_COLOURS.get(panel, OTHER), paleness)
        symbol = PANEL_SYMBOLS.get(panel, "triangle-up")
        found[name] = Style(colour, DASHES[place % len(DASHES)], symbol)
    return found


def lighten(colour: str, share: float) -> str:
    """The colour mixed with this share of white.

    >>> lighten("#0072B2", 0.0), lighten("#000000", 1.0)
    ('#0072b2', '#ffffff')
    """
    channels = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(c + (255 - c) * share):02x}" for c in channels)


def translucent(colour: str, alpha: float) -> str:
    """The colour as CSS `rgba()`."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"

"""Advice on the page over all studies: the rule, how to ask it, and whether it works."""

from collections.abc import Sequence
from html import escape

from triptych.report.advice import check_line, held_out
from triptych.report.advice.cells import Cell
from triptych.report.advice.nearest import REACH
from triptych.report.advice.words import ranges_text

RULE = (
    "The measured task nearest to the request decides: by the logarithms of samples, features,"
    " classes and, if told, rules. Of what fits the budget there, each panel is named that is not"
    " shown to be behind, the cheapest first. If the number of rules is not told and matters, the"
    " advice says so. A task that is away by more than"
    f" {REACH:g} times in any number is no evidence."
)
COMMAND = "python scripts/advise.py --samples 5000 --features 32 --classes 2 --budget-flops 50000"


def advice_section(cells: Sequence[Cell]) -> str:
    """As HTML.

    Args:
        cells: in which panels were compared, whatever they cost.
    """
    measured = (
        f"Measured so far: {ranges_text(cells)}." if cells else "Nothing was compared so far."
    )
    told = {"Told the number of rules": True, "Not told": False}
    checks = [
        f"{start}. {check_line(check)}"
        for start, with_rules in told.items()
        for check in held_out(cells, with_rules)
    ]
    listed = "".join(f"<li>{escape(line)}</li>" for line in checks if cells)
    return (
        f"<p>{escape(RULE)}</p><pre>{escape(COMMAND)}</pre><p>{escape(measured)}</p>"
        f"<p>Right is a first name that is not shown to be behind in the cell left out.</p>"
        f"<ul>{listed}</ul>"
    )

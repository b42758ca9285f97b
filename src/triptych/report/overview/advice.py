"""Advice on the page over all studies: the rule, how to ask it, and whether it works."""

from collections.abc import Sequence
from html import escape

from triptych.report.advice import HeldOut, held_out
from triptych.report.advice.cells import Cell
from triptych.report.advice.heldout import ALWAYS
from triptych.report.advice.nearest import REACH
from triptych.report.advice.words import check_word, ranges_text
from triptych.report.html import table

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
    right = (
        "Held-out check: each task is predicted from the other tasks, or from the other studies."
        " Right is a first name that is not shown to be behind there. Always dense and always moe"
        " are held against the rule on what it answers, where that panel was measured."
    )
    rows = [
        _row("told" if with_rules else "not told", check)
        for with_rules in (True, False)
        for check in held_out(cells, with_rules)
    ]
    head = ("Number of rules", "Predicted from others", "Tasks", "Answered", "Right")
    trivial = (f"Always {panel}" for panel in ALWAYS)
    return (
        f"<p>{escape(RULE)}</p><pre>{escape(COMMAND)}</pre><p>{escape(measured)}</p>"
        f"<p>{escape(right)}</p>{table([*head, *trivial, 'The rule is'], rows)}"
    )


def _row(rules: str, check: HeldOut) -> list[str]:
    counts = [str(count) for count in (check.cells, check.answered, check.right)]
    trivial = [
        f"{one.right} of {one.cells} (the rule {one.ours})" if one.cells else ""
        for one in check.trivial
    ]
    return [rules, f"each {check.left_out}", *counts, *trivial, check_word(check)]

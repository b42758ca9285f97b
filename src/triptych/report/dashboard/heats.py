"""Experts against families after each evaluation of a run: shares of routes, by layer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from triptych.evaluations import Evaluation

MOST = 25
FEWEST = 3
# Cells of all heatmaps of a page together, about four bytes each.
MOST_CELLS = 350_000

Heat = dict[str, Any]


def heat_of(evaluations: Iterable[Evaluation], tables: Mapping[str, Any], table: str) -> list[Heat]:
    """The evaluations that hold the table, in order.

    Args:
        evaluations: of one run, by step, the test last.
        tables: of its record, for runs that kept no evaluations.
        table: its name.

    Returns:
        For each: `split`, `step`, and `layers`, each with its `layer` and with `shares`: for each
        family the share of its routes that went to each expert, in thousandths.
    """
    found = [
        {"split": one.split, "step": one.step, "layers": layers}
        for one in evaluations
        if (layers := _layers(one.tables.get(table)))
    ]
    tested = _layers(tables.get(table))
    if not found and tested:
        return [{"split": "test", "step": None, "layers": tested}]
    return found


def cells(heat: Sequence[Heat]) -> int:
    """How many numbers one evaluation has."""
    return sum(len(row) for layer in heat[0]["layers"] for row in layer["shares"]) if heat else 0


def most_evaluations(cells_of_all: int) -> int:
    """How many evaluations of each run a page may have."""
    return max(FEWEST, min(MOST, MOST_CELLS // max(1, cells_of_all)))


def evenly(items: Sequence[Heat], most: int) -> list[Heat]:
    """At most so many of them, evenly spread, with the first and the last.

    >>> [one["step"] for one in evenly([{"step": step} for step in range(9)], 3)]
    [0, 4, 8]
    """
    if len(items) <= most:
        return list(items)
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]


def _layers(table: object) -> list[dict[str, Any]]:
    rows = table if isinstance(table, list) else []
    return [
        {"layer": str(row.get("layer", "")), "shares": [_shares(counts) for counts in counted]}
        for row in rows
        if isinstance(row, dict) and (counted := row.get("topk_by_family"))
    ]


def _shares(counts: Sequence[float]) -> list[int]:
    total = sum(counts)
    return [round(1000 * count / total) if total else 0 for count in counts]

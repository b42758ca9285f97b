"""Advice in words: the answer, what it rests on, how far that is away, whether the rule works."""

from collections.abc import Sequence
from statistics import fmean

from triptych.report.advice.advice import Advice, Group
from triptych.report.advice.cells import Cell, Standing
from triptych.report.advice.heldout import HeldOut
from triptych.report.advice.measured import Measured
from triptych.report.advice.nearest import (
    REACH,
    distance,
    factors,
    is_near,
    measured_ranges,
    outside,
)
from triptych.report.advice.task import Task
from triptych.report.comparison import points

SHOWN = 2  # cells of a group; a study of one task has many of equal distance
REMEDY = (
    "Measure it: `make compare` with your data (CONTRIBUTING.md: a data set is one class), or a"
    " study of your own (CONTRIBUTING.md, Add a study)."
)


def answer(advice: Advice, everything: Sequence[Cell]) -> str:
    """The answer in one or two sentences.

    Args:
        everything: the cells in which panels are compared, whatever they cost.
    """
    match advice.kind:
        case "no evidence":
            return f"No evidence: {_why(advice.asked, everything)}. {REMEDY}"
        case "depends":
            return _depends(advice)
        case _:
            return _advice(advice)


def evidence_lines(group: Group, asked: Task) -> list[str]:
    """Its cells: those that compare most panels in full, the others by name."""
    ordered = sorted(group.cells, key=lambda cell: -len(cell.panels))
    shown, others = ordered[:SHOWN], ordered[SHOWN:]
    lines = [line for cell in shown for line in _cell_lines(cell, asked)]
    if others:
        names = (f"{cell.study}, {cell.name}" for cell in others)
        lines.append(f"Equally near, and heard too: {'; '.join(names)}.")
    return lines


def _cell_lines(cell: Cell, asked: Task) -> list[str]:
    """A cell: what it is, how far away, and its arms, the best one first."""
    away = [f"{axis} {_times(f)}" for axis, f in (factors(asked, cell.task) or {}).items() if f > 1]
    first = cell.standings[0].row
    far = f"; away by {', '.join(away)}" if away else ""
    runs = sum(len(one.row.scores) for one in cell.standings)
    made = f"{runs} runs, code {first.commit}, {first.machine}"
    rows = [_arm(one) for one in cell.standings]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    told = [
        "  " + "  ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return [f"{cell.study}, {cell.name}: {task_text(cell.task)}{far}; {made}", *told]


def range_line(asked: Task, cells: Sequence[Cell]) -> str:
    """What was measured in all, and how far outside of it the request lies."""
    far = [f"{axis} by {_times(f)}" for axis, f in outside(asked, cells).items() if f > 1]
    where = f"outside: {', '.join(far)}" if far else "inside"
    return f"Measured so far: {ranges_text(cells)}. The request lies {where}."


def ranges_text(cells: Sequence[Cell]) -> str:
    """What was measured in all."""
    ranges = measured_ranges(cells).items()
    return ", ".join(f"{_range(*ends)} {axis}" for axis, ends in ranges)


def check_line(check: HeldOut) -> str:
    """How often the rule was right about what it had not seen, beside trivial rules."""
    start = f"Held-out check, each {check.left_out} predicted from the others:"
    if not check.answered:
        return f"{start} the rule answers in none of {check.cells} cells; it is not checked."
    others = [
        f"always {one.panel} in {one.right}"
        + (f" of {one.cells} (the rule there in {one.ours})" if one.cells < check.answered else "")
        for one in check.trivial
        if one.cells
    ]
    return (
        f"{start} the rule answers in {check.answered} of {check.cells} cells and is right in"
        f" {check.right}; {', '.join(others)}. The rule is {check_word(check)}."
    )


def check_word(check: HeldOut) -> str:
    """Whether the rule is any good."""
    if not check.answered:
        return "not checked"
    trivial = check.no_worse
    return (
        f"no better than always {' or always '.join(trivial)}" if trivial else "better than these"
    )


def task_text(task: Task) -> str:
    """The numbers that are known.

    >>> task_text(Task(2000, 32, 2, 1))
    '2,000 samples, 32 features, 2 classes, 1 rule'
    """
    return ", ".join(
        f"{value:,} {axis[:-1] if value == 1 else axis}" for axis, value in task.known.items()
    )


def listed(texts: Sequence[str], last: str = "or") -> str:
    """One or several, with a word before the last one.

    >>> listed(["dense", "sparse", "moe"]), listed(["moe"])
    ('dense, sparse or moe', 'moe')
    """
    return f" {last} ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))


def _advice(advice: Advice) -> str:
    said = f"Advice: {_named(advice.groups[0].best)}."
    if len(advice.panels) > 1:
        said += " None of them is shown to be behind; the cheapest is the first."
    if advice.asked.rules is None and len(advice.groups) == 1:
        said += f" All that was measured near it has {_rules(advice.groups[0])}."
    return said


def _depends(advice: Advice) -> str:
    if len(advice.groups) == 1:
        return (
            f"Depends on what was not asked for. Equally near: {_contradiction(advice.groups[0])}."
        )
    parts = [
        f"with {_rules(group)} {_named(group.best) or 'the cells contradict'}"
        for group in advice.groups
    ]
    never = set.intersection(*({*group.panels} for group in advice.groups))
    safe = f" Never shown to be behind: {listed(sorted(never))}." if never else ""
    return (
        f"Depends on how many rules the data have: {'; '.join(parts)} (the cheapest first).{safe}"
    )


def _contradiction(group: Group) -> str:
    """Who is not shown to be behind, and in which cells."""
    where: dict[str, list[str]] = {}
    for cell in group.cells:
        panels = listed([row.panel for row in cell.best])
        where.setdefault(panels, []).append(f"{cell.study}, {cell.name}")
    return "; ".join(f"{panels} ({'; '.join(cells)})" for panels, cells in where.items())


def _named(best: Sequence[Measured]) -> str:
    """Panels with the FLOPs of their cheapest arm, where panels are to be chosen from."""
    if len(best) < 2:
        return "".join(row.panel for row in best)
    return listed([f"{row.panel} ({row.flops:,.0f} FLOPs)" for row in best])


def _rules(group: Group) -> str:
    if group.rules is None:
        return "an unknown number of rules"
    return f"{group.rules} rule" + ("" if group.rules == 1 else "s")


def _why(asked: Task, everything: Sequence[Cell]) -> str:
    """Why no cell counts."""
    if not everything:
        return "no cell of the table compares two panels"
    ranges = measured_ranges(everything)
    far = [
        f"{axis}={asked.known[axis]:,} is outside of what was measured ({_range(*ranges[axis])}) by"
        f" {_times(f)}, more than {_times(REACH)}"
        for axis, f in outside(asked, everything).items()
        if f > REACH
    ]
    if far:
        return "; ".join(far)
    if any(is_near(asked, cell.task) for cell in everything):
        return "within the budget no two panels were compared near it"
    close = min(everything, key=lambda cell: distance(asked, cell.task))
    away = [
        f"{axis} {_times(f)}" for axis, f in (factors(asked, close.task) or {}).items() if f > 1
    ]
    return (
        f"no measured cell is within {_times(REACH)} on all counts at once; the nearest is"
        f" {close.study}, {close.name}, away by {', '.join(away) or 'what is not known of it'}"
    )


def _arm(one: Standing) -> list[str]:
    row = one.row
    apart = f"{points(one.minus.mean)} [{points(one.minus.low)}, {points(one.minus.high)}]"
    return [
        row.arm,
        row.panel,
        f"{points(fmean(row.scores.values()))} %",
        "" if one.verdict == "best mean" else apart,
        f"{len(row.scores)} seeds",
        f"{row.flops:,.0f} FLOPs",
        f"{row.params_total:,.0f} parameters",
        one.verdict,
    ]


def _range(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _times(factor: float) -> str:
    return f"{factor:.3g} times"

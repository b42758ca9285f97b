"""Cells of studies as evidence: who of what fits a budget is ahead, paired by seed."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, final

from triptych.errors import InvalidSetting
from triptych.report.advice.measured import Measured
from triptych.report.advice.task import Task
from triptych.report.comparison import Comparison
from triptych.report.headline import compare
from triptych.report.statistics import Paired, paired_difference


@final
@dataclass(frozen=True)
class Budget:
    """What a net may cost at most.

    Raises:
        InvalidSetting: for what is not above 0.
    """

    flops: float = math.inf
    params: float = math.inf

    def __post_init__(self) -> None:
        for name, most in vars(self).items():
            if not most > 0:
                raise InvalidSetting(f"--budget-{name} {most:g} must be above 0")

    def fits(self, row: Measured) -> bool:
        """Whether FLOPs of a sample and all parameters are known and within it."""
        return (math.isinf(self.flops) or row.flops <= self.flops) and (
            math.isinf(self.params) or row.params_total <= self.params
        )


@final
@dataclass(frozen=True)
class Standing:
    """An arm in its cell.

    Attributes:
        minus: its accuracy minus that of the best arm, paired by seed.
        verdict: `behind` only where the best arm is shown to be ahead, and by more than a tie.
    """

    row: Measured
    minus: Paired
    verdict: Literal["best mean", "tie", "not shown to be behind", "behind"]


@final
@dataclass(frozen=True)
class Cell:
    """What two or more panels reached on one task.

    Attributes:
        standings: the best mean first.
    """

    study: str
    name: str
    task: Task
    standings: tuple[Standing, ...]

    @property
    def panels(self) -> set[str]:
        """Those that were measured."""
        return {one.row.panel for one in self.standings}

    @property
    def best(self) -> list[Measured]:
        """Of each panel that is not shown to be behind the cheapest arm that is not; the cheapest
        panel first."""
        found: dict[str, Measured] = {}
        kept = (one.row for one in self.standings if one.verdict != "behind")
        for row in sorted(kept, key=price):
            found.setdefault(row.panel, row)
        return list(found.values())


def price(row: Measured) -> tuple[float, float, str]:
    """FLOPs of a sample, then parameters; unknown ones last."""
    flops, params = (math.inf if math.isnan(c) else c for c in (row.flops, row.params_total))
    return flops, params, row.arm


def evidence(rows: Iterable[Measured], budget: Budget) -> list[Cell]:
    """The cells in which arms of two panels or more fit the budget and share two seeds or more;
    controls are left out.

    With one panel nothing is compared, and with one seed nothing is shown.
    """
    kept: dict[tuple[str, str], list[Measured]] = {}
    for row in rows:
        if not row.control and budget.fits(row):
            kept.setdefault((row.study, row.cell), []).append(row)
    cells = (
        _cell(sorted(arms, key=price))
        for arms in kept.values()
        if len({row.panel for row in arms}) > 1 and len(_common(arms)) > 1
    )
    return sorted(cells, key=lambda cell: (cell.study, cell.name))


def _common(arms: Sequence[Measured]) -> set[int]:
    return set.intersection(*(set(row.scores) for row in arms))


def _cell(arms: Sequence[Measured]) -> Cell:
    """Of arms in the order of their price, so that of equal means the cheaper one is the best."""
    seeds = sorted(_common(arms))
    scores = {row.arm: {seed: row.scores[seed] for seed in seeds} for row in arms}
    comparisons = compare(scores).comparisons
    shared = set.intersection(*({c.first, c.second} for c in comparisons))
    # The one that all are held against; of two arms the first has the higher mean.
    best = next(name for c in comparisons for name in (c.first, c.second) if name in shared)
    leader = next(row for row in arms if row.arm == best)
    others = {c.second if c.first == best else c.first: c for c in comparisons}
    standings = [
        Standing(leader, paired_difference(scores[leader.arm], scores[leader.arm]), "best mean")
    ]
    for row in arms:
        if row is not leader:
            minus = paired_difference(scores[row.arm], scores[leader.arm])
            standings.append(Standing(row, minus, _verdict(others[row.arm])))
    standings[1:] = sorted(standings[1:], key=lambda one: -one.minus.mean)
    return Cell(leader.study, leader.cell, leader.task, tuple(standings))


def _verdict(comparison: Comparison) -> Literal["tie", "not shown to be behind", "behind"]:
    """Of the arm that the best one is held against."""
    if comparison.equivalence.shown:
        return "tie"
    return "behind" if comparison.verdict == "ahead" else "not shown to be behind"

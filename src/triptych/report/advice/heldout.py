"""Is the rule any good? Each cell is predicted from others, beside rules that look at nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import final

from triptych.report.advice.advice import advise
from triptych.report.advice.cells import Cell

ALWAYS = ("dense", "moe")


@final
@dataclass(frozen=True)
class Trivial:
    """A rule that always names the same panel, in those answered cells in which that was measured.

    Attributes:
        right: how often it names a panel that is not shown to be behind.
        ours: how often the rule of advice does, in the same cells.
    """

    panel: str
    cells: int
    right: int
    ours: int


@final
@dataclass(frozen=True)
class HeldOut:
    """How often the first panel that the rule names is not shown to be behind.

    Attributes:
        cells: that were to be predicted.
        answered: in which the rule named a panel that was measured there.
    """

    left_out: str
    cells: int
    answered: int
    right: int
    trivial: tuple[Trivial, ...]

    @property
    def no_worse(self) -> list[str]:
        """The panels whose trivial rule is right as often or more often."""
        return [one.panel for one in self.trivial if one.cells and one.right >= one.ours]


def held_out(cells: Sequence[Cell], with_rules: bool) -> tuple[HeldOut, HeldOut]:
    """The check without the cell itself, and without the whole study of the cell.

    Args:
        cells: of `evidence`.
        with_rules: whether the rule is told how many rules the data have.
    """
    return (
        _check("cell", cells, lambda one, other: one is other, with_rules),
        _check("study", cells, lambda one, other: one.study == other.study, with_rules),
    )


def _check(
    left_out: str, cells: Sequence[Cell], is_out: Callable[[Cell, Cell], bool], with_rules: bool
) -> HeldOut:
    named: list[tuple[Cell, str]] = []
    for cell in cells:
        asked = cell.task if with_rules else replace(cell.task, rules=None)
        panels = advise(asked, [other for other in cells if not is_out(cell, other)]).panels
        if panels and panels[0] in cell.panels:
            named.append((cell, panels[0]))
    return HeldOut(
        left_out,
        len(cells),
        len(named),
        sum(_is_right(cell, panel) for cell, panel in named),
        tuple(_trivial(always, named) for always in ALWAYS),
    )


def _trivial(always: str, named: Sequence[tuple[Cell, str]]) -> Trivial:
    both = [(cell, panel) for cell, panel in named if always in cell.panels]
    return Trivial(
        always,
        len(both),
        sum(_is_right(cell, always) for cell, _ in both),
        sum(_is_right(cell, panel) for cell, panel in both),
    )


def _is_right(cell: Cell, panel: str) -> bool:
    return panel in {row.panel for row in cell.best}

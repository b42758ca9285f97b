"""The rule: the nearest measured cell decides; where the number of rules is not told, the nearest
one of each number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, final

from triptych.report.advice.cells import Cell, price
from triptych.report.advice.measured import Measured
from triptych.report.advice.nearest import nearest
from triptych.report.advice.task import Task

Kind = Literal["advice", "depends", "no evidence"]


@final
@dataclass(frozen=True)
class Group:
    """The nearest cells of one number of rules; of all, where the request tells it.

    Attributes:
        rules: None where it is not known.
    """

    rules: int | None
    cells: tuple[Cell, ...]

    @property
    def best(self) -> tuple[Measured, ...]:
        """Of each panel that is in none of the cells shown to be behind, the cheapest arm that is
        not; the cheapest panel first. Empty where equally near cells contradict each other."""
        found: dict[str, Measured] = {}
        for row in sorted((row for cell in self.cells for row in cell.best), key=price):
            if self._is_never_behind(row.panel):
                found.setdefault(row.panel, row)
        return tuple(found.values())

    @property
    def panels(self) -> tuple[str, ...]:
        """Of the best."""
        return tuple(row.panel for row in self.best)

    def _is_never_behind(self, panel: str) -> bool:
        mine = (cell for cell in self.cells if panel in cell.panels)
        return all(panel in {row.panel for row in cell.best} for cell in mine)


@final
@dataclass(frozen=True)
class Advice:
    """What the measured cells say to a request.

    Attributes:
        groups: by number of rules, the lowest first; none without evidence.
    """

    asked: Task
    groups: tuple[Group, ...]

    @property
    def kind(self) -> Kind:
        """Whether there is one answer."""
        if not self.groups:
            return "no evidence"
        first, *others = ({*group.panels} for group in self.groups)
        return "advice" if first and all(one == first for one in others) else "depends"

    @property
    def panels(self) -> tuple[str, ...]:
        """The answer, the cheapest panel first; empty where it depends or there is none."""
        return self.groups[0].panels if self.kind == "advice" else ()


def advise(asked: Task, cells: Sequence[Cell]) -> Advice:
    """The advice that these cells give.

    Args:
        cells: of `evidence`, with what fits the budget.
    """
    if asked.rules is not None:
        found = nearest(asked, cells)
        return Advice(asked, (Group(asked.rules, tuple(found)),) if found else ())
    numbers = sorted({cell.task.rules for cell in cells}, key=lambda n: (n is None, n or 0))
    groups = (
        Group(number, tuple(nearest(asked, [c for c in cells if c.task.rules == number])))
        for number in numbers
    )
    return Advice(asked, tuple(group for group in groups if group.cells))

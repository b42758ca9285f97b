"""Rules by which a net becomes sparser while it trains."""

import math
from abc import ABC
from typing import final

from triptych.errors import InvalidSetting
from triptych.sparse.rules.rule import Rule
from triptych.sparse.rules.schedules import cubic


class Gradual(Rule, ABC):
    """The sparsity grows by a cubic law, and is the final one, exactly, after the last update.

    Args:
        every: optimizer steps between two updates.
        until: share of the training after which the sparsity is the final one. The last update is
            the first one at or after that share; the last step, if none is left.
        initial: sparsity of the masks at the start.
        final: sparsity at the end.

    Raises:
        InvalidSetting: if a number is out of range, or the sparsity would fall.
    """

    def __init__(self, *, every: int, until: float, initial: float, final: float) -> None:
        if every < 1:
            raise InvalidSetting(f"every must be at least 1 optimizer step, got {every}")
        if not 0 < until < 1:
            raise InvalidSetting(f"until must be in (0, 1), got {until}")
        if not 0 <= initial <= final < 1:
            raise InvalidSetting(
                f"sparsity must grow from model.rule.initial={initial} to"
                f" model.sparsity={final}, both in [0, 1)"
            )
        self.every, self.until = every, until
        self.initial, self.final = initial, final

    @final
    def due(self, step: int, steps: int) -> bool:
        """Every `every` steps, the last time when the end is reached."""
        end = self._end(steps)
        return step == end or (step < end and step % self.every == 0)

    @final
    def progress(self, step: int, steps: int) -> float:
        """Of the time in which weights go."""
        return 1.0 if step >= self._end(steps) else min(step / (self.until * steps), 1.0)

    @final
    def settled(self, step: int, steps: int) -> bool:
        """After the last update."""
        return step >= self._end(steps)

    @final
    def sparsity(self, progress: float) -> float:
        """Zhu and Gupta 2017, arXiv 1710.01878, eq. 1."""
        return cubic(self.initial, self.final, progress)

    def _end(self, steps: int) -> int:
        updates = math.ceil(self.until * steps / self.every - 1e-9)  # 0.55 * 100 is over 55
        return min(updates * self.every, steps)

"""What every bank of experts is. A bank knows nothing of routing."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from triptych.types import Cost


class ExpertBank(nn.Module, ABC):
    """E experts that map width D to width O.

    `forward` is for nobody: dispatches run single experts through `each`, or, where they know a
    bank's build, all of them at once.
    """

    @abstractmethod
    def each(self) -> Sequence[Callable[[Tensor], Tensor]]:
        """The experts one by one: functions (N, D) -> (N, O)."""

    @abstractmethod
    def costs(self) -> list[Cost]:
        """What one row costs in each expert."""

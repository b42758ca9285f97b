"""Batches of tensors that are already in memory."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Protocol, final

from triptych.data.order import Plan
from triptych.data.signals import Samples


class Batches(Protocol):
    """What Lightning and everything above the data knows of a loader: the batches of one process.

    Lightning keeps its state in checkpoints, and loads it where an epoch goes on.
    """

    def __len__(self) -> int:
        """Batches of an epoch."""
        ...

    def __iter__(self) -> Iterator[Samples]: ...

    def state_dict(self) -> dict[str, Any]:
        """The number of the batch that comes next; 0 after the last one."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Lets the next iteration begin with that batch, and those after it with the first."""
        ...


@final
class TensorBatches:
    """Iterates over the batches of one process: one gather an epoch, then views.

    A `DataLoader` indexes and collates sample by sample; this does neither. The plan is read
    at the first batch and not at `iter()`, because Lightning calls `set_epoch` in between.

    Attributes:
        batch_sampler: the plan, under the name by which Lightning finds `sampler.set_epoch`.
            There is no `sampler` beside it: Lightning takes a loader that has one for a
            `DataLoader` and rebuilds it.
    """

    def __init__(self, samples: Samples, plan: Plan) -> None:
        self.batch_sampler = plan
        self._samples = samples
        self._first = self._next = 0

    def __len__(self) -> int:
        return len(self.batch_sampler.sizes)

    def __iter__(self) -> Iterator[Samples]:
        rows, sizes = self.batch_sampler.rows(), self.batch_sampler.sizes
        first, self._first = self._first, 0
        parts = (part.index_select(0, rows).split(sizes) for part in self._samples)
        batches = enumerate(zip(*parts, strict=True))
        for number, (x, y, family) in islice(batches, first, None):
            self._next = number + 1
            yield Samples(x, y, family)

    def state_dict(self) -> dict[str, Any]:
        """The number of the batch that comes next; 0 after the last one."""
        return {"next": self._next % max(len(self), 1)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Lets the next iteration begin with that batch, and those after it with the first."""
        self._first = self._next = state_dict["next"]

"""Batches of tensors that are already in memory."""

from collections.abc import Iterator
from typing import final

from triptych.data.order import Plan
from triptych.data.signals import Samples


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

    def __len__(self) -> int:
        return len(self.batch_sampler.sizes)

    def __iter__(self) -> Iterator[Samples]:
        rows, sizes = self.batch_sampler.rows(), self.batch_sampler.sizes
        parts = (part.index_select(0, rows).split(sizes) for part in self._samples)
        for x, y, family in zip(*parts, strict=True):
            yield Samples(x, y, family)

"""Batches of samples that stay in files: read in windows, one window ahead."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, pairwise
from typing import Any, final

from jaxtyping import Int
from torch import Tensor

from triptych.data.mapped import MappedSamples
from triptych.data.signals import Samples
from triptych.data.windows import Chunks

Window = tuple[Samples, list[int]]
"""The rows of some batches, and the sizes of these."""


@final
class StreamedBatches:
    """Iterates over the batches of one process with the contract of `TensorBatches`.

    While the batches of one window are used, a thread reads the next: memory holds three windows
    (what is read, what is used, and room to shuffle), whatever the size of the files.

    Attributes:
        batch_sampler: the plan, under the name by which Lightning finds `sampler.set_epoch`.
    """

    def __init__(self, source: MappedSamples, plan: Chunks) -> None:
        self.batch_sampler = plan
        self._source = source
        self._first = self._next = 0

    def __len__(self) -> int:
        return len(self.batch_sampler)

    def __iter__(self) -> Iterator[Samples]:
        number, self._first = self._first, 0
        for samples, sizes in _ahead(self._windows(number)):
            for x, y, family in zip(*(part.split(sizes) for part in samples), strict=True):
                number += 1
                self._next = number
                yield Samples(x, y, family)

    def _windows(self, first: int) -> Iterator[Window]:
        # One room for all windows: memory that is new to the process costs more than reading.
        room, kept = _room(self._source.samples, 0), _room(self._source.samples, 0)
        for chunk, following in pairwise(chain(self.batch_sampler.chunks(first), [None])):
            assert chunk is not None
            if following is not None:
                self._source.expect(following.spans)
            old, new = len(kept.y), sum(last - first for first, last in chunk.spans)
            if old + new > len(room.y):
                room = _room(room, old + new)
            for part, head in zip(room, kept, strict=True):
                part[:old] = head
            self._source.read_into(room, old, chunk.spans)
            kept = _picked(room, chunk.keep)
            yield _picked(room, chunk.places), chunk.sizes

    def state_dict(self) -> dict[str, Any]:
        """The number of the batch that comes next; 0 after the last one."""
        return {"next": self._next % max(len(self), 1)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Lets the next iteration begin with that batch, and those after it with the first."""
        self._first = self._next = state_dict["next"]


def _room(like: Samples, n: int) -> Samples:
    """Uninitialised memory for n rows."""
    return Samples(*(part.new_empty(n, *part.shape[1:]) for part in like))


def _picked(samples: Samples, places: Int[Tensor, " n"]) -> Samples:
    return Samples(*(part.index_select(0, places) for part in samples))


def _ahead(windows: Iterator[Window]) -> Iterator[Window]:
    """The same; while one is used, a thread makes the next."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        coming = reader.submit(next, windows, None)
        while (now := coming.result()) is not None:
            coming = reader.submit(next, windows, None)
            yield now

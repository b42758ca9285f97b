"""Batches of samples that stay in files: read in windows, one window ahead."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, final

from triptych.data.mapped import MappedSamples
from triptych.data.signals import Samples
from triptych.data.windows import Chunks


class _Coming(NamedTuple):
    """Batches that a thread is reading."""

    samples: Future[Samples]
    sizes: list[int]


@final
class StreamedBatches:
    """Iterates over the batches of one process with the contract of `TensorBatches`.

    While the batches of one window are used, a thread reads the next: memory holds two windows,
    whatever the size of the files.

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
        first, self._first = self._first, 0
        number = first
        with ThreadPoolExecutor(max_workers=1) as reader:
            for samples, sizes in self._windows(reader, first):
                for x, y, family in zip(*(part.split(sizes) for part in samples), strict=True):
                    number += 1
                    self._next = number
                    yield Samples(x, y, family)

    def _windows(
        self, reader: ThreadPoolExecutor, first: int
    ) -> Iterator[tuple[Samples, list[int]]]:
        now: _Coming | None = None
        for rows, sizes, spans in self.batch_sampler.chunks(first):
            self._source.expect(spans)
            coming = _Coming(reader.submit(self._source.read, rows), sizes)
            if now is not None:
                yield now.samples.result(), now.sizes
            now = coming
        if now is not None:
            yield now.samples.result(), now.sizes

    def state_dict(self) -> dict[str, Any]:
        """The number of the batch that comes next; 0 after the last one."""
        return {"next": self._next % max(len(self), 1)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Lets the next iteration begin with that batch, and those after it with the first."""
        self._first = self._next = state_dict["next"]

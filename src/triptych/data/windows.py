"""Orders and plans for data that are read piece by piece, because they do not fit into memory.

The order is the two-level shuffle of Xu et al. 2022 (CorgiPile, https://arxiv.org/abs/2206.05830):
blocks of consecutive rows are permuted over the whole file, then all rows within a window of
several blocks. A disk reads whole blocks; memory holds one window. Every row comes once an epoch.
With a window as large as the file the order is uniform; with a smaller one, rows of a block stay
within one window of each other, so rows that lie side by side in the file must not belong together.
Of a file that is sorted by class, a window of w blocks holds about w classes at most: shuffle such
a file once when writing it.
"""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple, Protocol, final

import torch
from jaxtyping import Int
from torch import Generator, Tensor

from triptych.data.signals import shares
from triptych.seeds import derive

Spans = list[tuple[int, int]]
"""Consecutive rows, each from the first to before the second number."""

NOTHING = torch.empty(0, dtype=torch.long)


def lying(spans: Spans) -> Int[Tensor, " n"]:
    """The numbers of all rows, span by span.

    >>> lying([(0, 2), (5, 6)]).tolist()
    [0, 1, 5]
    """
    return torch.cat([torch.arange(*span) for span in spans])


class Piece(NamedTuple):
    """The next rows of an order.

    Attributes:
        spans: where in the file they lie.
        order: of the rows of all spans, put one after another: which comes next.
    """

    spans: Spans
    order: Int[Tensor, " n"]


class Chunk(NamedTuple):
    """The next batches of a process, out of what was kept from the chunk before and new rows.

    Attributes:
        spans: the new rows.
        places: of the rows of all batches, among what was kept and the new rows behind it.
        sizes: of the batches; there may be none.
        keep: places of what the next chunk begins with.
    """

    spans: Spans
    places: Int[Tensor, " n"]
    sizes: list[int]
    keep: Int[Tensor, " m"]


class Pieces(Protocol):
    """The order of all rows in an epoch, a piece at a time."""

    def __len__(self) -> int: ...

    def pieces(self, first: int = 0) -> Iterator[Piece]:
        """All from row `first` of the order on."""
        ...


class Chunks(Protocol):
    """The rows of one process for one epoch, some batches at a time."""

    def __len__(self) -> int:
        """Batches of an epoch."""
        ...

    def chunks(self, first: int = 0) -> Iterator[Chunk]:
        """All from batch `first` on."""
        ...


@final
class ShuffledWindows:
    """Blocks in random order, and the rows of each window of blocks: a function of seed and epoch.

    Args:
        n: rows.
        block: consecutive rows that stay in one window.
        window: blocks whose rows are shuffled together.
        seed: of the run.
    """

    def __init__(self, n: int, block: int, window: int, seed: int) -> None:
        self._n, self._block, self._window = n, block, window
        self._seed, self._epoch = seed, 0

    def __len__(self) -> int:
        return self._n

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order of that epoch; Lightning calls this, after a resume too."""
        self._epoch = epoch

    def pieces(self, first: int = 0) -> Iterator[Piece]:
        """One window after another; those before row `first` are not made."""
        blocks = torch.randperm(-(-self._n // self._block), generator=self._stream("blocks"))
        for number, members in enumerate(blocks.split(self._window)):
            starts = members.sort().values * self._block  # as a disk likes them
            ends = (starts + self._block).clamp(max=self._n)
            size = int((ends - starts).sum())
            if first < size:
                order = torch.randperm(size, generator=self._stream("rows", number))
                yield Piece(list(zip(starts.tolist(), ends.tolist(), strict=True)), order[first:])
            first = max(first - size, 0)

    def indices(self) -> Int[Tensor, " n"]:
        """The whole order at once, as an in-memory plan wants it."""
        return torch.cat([lying(piece.spans)[piece.order] for piece in self.pieces()])

    def _stream(self, *purpose: str | int) -> Generator:
        return Generator().manual_seed(derive(self._seed, "order", self._epoch, *purpose))


@final
class SequentialPieces:
    """First row to last, every epoch, `size` rows at a time."""

    def __init__(self, n: int, size: int) -> None:
        self._n, self._size = n, size

    def __len__(self) -> int:
        return self._n

    def pieces(self, first: int = 0) -> Iterator[Piece]:
        """Those from row `first` on."""
        for start in range(first, self._n, self._size):
            stop = min(start + self._size, self._n)
            yield Piece([(start, stop)], torch.arange(stop - start))


@final
class StreamedGlobalBatches:
    """Training: the batches of `GlobalBatches` for the same order, without the order as a whole.

    Attributes:
        sampler: the order, under the name by which Lightning looks for `set_epoch`.
    """

    def __init__(self, sampler: Pieces, batch_size: int, rank: int, world: int) -> None:
        assert batch_size % world == 0, "a global batch must divide over the processes"
        self.sampler = sampler
        self._rank, self._world, self._batch_size = rank, world, batch_size
        self._whole, rest = divmod(len(sampler), batch_size)
        self._last = rest // world  # equally many rows for every process

    def __len__(self) -> int:
        return self._whole + (self._last > 0)

    def chunks(self, first: int = 0) -> Iterator[Chunk]:
        """The whole batches of a piece, beginning with what the piece before left over."""
        if first >= len(self):
            return
        size, share = self._batch_size, self._batch_size // self._world
        kept = 0
        for piece in self.sampler.pieces(first * size):
            places = torch.cat([torch.arange(kept), kept + piece.order])
            batches = len(places) // size
            mine = places[: batches * size].view(batches, self._world, share)[:, self._rank]
            keep = places[batches * size :]
            yield Chunk(piece.spans, mine.flatten(), [share] * batches, keep)
            kept = len(keep)
        if self._last:
            start = self._rank * self._last
            yield Chunk([], torch.arange(start, start + self._last), [self._last], NOTHING)


@final
class StreamedShards:
    """Evaluation: the batches of `Shards`, at most `together` of them at a time."""

    def __init__(self, n: int, largest: int, rank: int, world: int, together: int) -> None:
        parts = shares(n, world)
        self._start, self._together = sum(parts[:rank]), together
        self._sizes = shares(parts[rank], -(-n // (world * largest)))

    def __len__(self) -> int:
        return len(self._sizes)

    def chunks(self, first: int = 0) -> Iterator[Chunk]:
        """This process's shard, in order."""
        start, sizes = self._start + sum(self._sizes[:first]), iter(self._sizes[first:])
        while group := list(islice(sizes, self._together)):
            stop = start + sum(group)
            yield Chunk([(start, stop)], torch.arange(stop - start), group, NOTHING)
            start = stop

"""Which rows one process reads, in which order, and in batches of which sizes.

An order numbers the rows of a data set for one epoch; a plan says which of them one process
reads, and in which batches. Both are free of tensors of samples.
"""

from typing import Protocol, final

import torch
from jaxtyping import Int
from torch import Generator, Tensor

from triptych.seeds import derive


class Order(Protocol):
    """The order of all rows in an epoch."""

    def __len__(self) -> int: ...

    def indices(self) -> Int[Tensor, " n"]:
        """Every row number once."""
        ...


class Plan(Protocol):
    """The rows of one process for one epoch.

    Attributes:
        sizes: the number of rows in each batch, in order.
    """

    sizes: list[int]

    def rows(self) -> Int[Tensor, " rows"]:
        """Row numbers for the whole epoch; their number is the sum of `sizes`."""
        ...


@final
class Permuted:
    """A fresh permutation every epoch, a function of seed and epoch and of nothing else."""

    def __init__(self, n: int, seed: int) -> None:
        self._n, self._seed, self._epoch = n, seed, 0

    def __len__(self) -> int:
        return self._n

    def set_epoch(self, epoch: int) -> None:
        """Chooses the permutation of that epoch; Lightning calls this, after a resume too."""
        self._epoch = epoch

    def indices(self) -> Int[Tensor, " n"]:
        """The permutation of the epoch."""
        generator = Generator().manual_seed(derive(self._seed, "order", self._epoch))
        return torch.randperm(self._n, generator=generator)


@final
class Sequential:
    """First row to last, every epoch."""

    def __init__(self, n: int) -> None:
        self._n = n

    def __len__(self) -> int:
        return self._n

    def indices(self) -> Int[Tensor, " n"]:
        """0 .. n - 1."""
        return torch.arange(self._n)


@final
class GlobalBatches:
    """Training: each process takes its slice of every global batch.

    All numbers of processes see the same global batches. The last one is kept, but cut to a
    multiple of `world` so that every process has equally many rows.

    Attributes:
        sampler: the order, under the name by which Lightning looks for `set_epoch`.
        sizes: the number of rows in each batch, in order.

    >>> GlobalBatches(Sequential(11), 4, rank=0, world=2).rows().tolist()
    [0, 1, 4, 5, 8]
    >>> GlobalBatches(Sequential(11), 4, rank=1, world=2).rows().tolist()
    [2, 3, 6, 7, 9]
    """

    def __init__(self, sampler: Order, batch_size: int, rank: int, world: int) -> None:
        assert batch_size % world == 0, "a global batch must divide over the processes"
        self.sampler = sampler
        self._rank, self._world = rank, world
        self._share = batch_size // world
        whole, rest = divmod(len(sampler), batch_size)
        self._whole, self._last = whole * batch_size, rest // world
        self.sizes = [self._share] * whole + [self._last] * (self._last > 0)

    def rows(self) -> Int[Tensor, " rows"]:
        """This process's slices of the global batches, one after the other."""
        order = self.sampler.indices()
        full = order[: self._whole].view(-1, self._world, self._share)[:, self._rank]
        start = self._whole + self._rank * self._last
        return torch.cat([full.reshape(-1), order[start : start + self._last]])


@final
class Shards:
    """Evaluation: every row exactly once over all processes, equally many batches on each.

    Shards, and the batches of a shard, differ by one row at most. No batch has more than
    `largest` rows; with `largest` >= 2 and a row for each process, none is empty.

    Attributes:
        sizes: the number of rows in each batch, in order.
    """

    def __init__(self, n: int, largest: int, rank: int, world: int) -> None:
        self._rows = torch.arange(n).tensor_split(world)[rank]
        batches = -(-n // (world * largest))
        self.sizes = [len(part) for part in self._rows.tensor_split(batches)]

    def rows(self) -> Int[Tensor, " rows"]:
        """This process's shard, in order."""
        return self._rows

"""The data of all replicas in batches (R, B, ...), each replica in its own order."""

from collections.abc import Iterator, Sequence
from typing import final

import lightning as L
import torch
from torch import Tensor

from triptych.data import InMemoryData, Samples
from triptych.data.loader import Batches, TensorBatches
from triptych.data.order import Plan
from triptych.errors import IncompatibleSettings


@final
class Orders:
    """The plans of all replicas as one, under the names by which Lightning finds `set_epoch`.

    Attributes:
        sampler: itself.
    """

    def __init__(self, plans: Sequence[Plan]) -> None:
        self.plans = list(plans)
        self.sizes = self.plans[0].sizes
        self.sampler = self

    def set_epoch(self, epoch: int) -> None:
        """Chooses each replica's order of that epoch."""
        for plan in self.plans:
            sampler = getattr(plan, "sampler", None)
            if hasattr(sampler, "set_epoch"):
                sampler.set_epoch(epoch)  # pyright: ignore[reportOptionalMemberAccess]

    def rows(self) -> Tensor:
        """(R, rows)."""
        return torch.stack([plan.rows() for plan in self.plans])


@final
class LockstepBatches:
    """Batches of all replicas side by side, gathered one by one.

    Args:
        samples: of all replicas, (R, n, ...).
        orders: which rows come when.
    """

    def __init__(self, samples: Samples, orders: Orders) -> None:
        self.batch_sampler = orders
        replicas, n = samples.y.shape
        self._flat = [part.flatten(0, 1) for part in samples]
        self._first = (torch.arange(replicas) * n)[:, None]

    def __len__(self) -> int:
        return len(self.batch_sampler.sizes)

    def __iter__(self) -> Iterator[Samples]:
        rows = self.batch_sampler.rows() + self._first
        for part in rows.split(self.batch_sampler.sizes, dim=1):
            index = part.flatten()
            x, y, family = (flat.index_select(0, index) for flat in self._flat)
            yield Samples(*(v.unflatten(0, part.shape) for v in (x, y, family)))


@final
class LockstepData(L.LightningDataModule):
    """The training and validation splits of all replicas.

    Args:
        each: the data of each replica.

    Raises:
        IncompatibleSettings: from the loaders, if they are not of one size.
    """

    def __init__(self, each: Sequence[InMemoryData]) -> None:
        super().__init__()
        self.each = list(each)

    def train_dataloader(self) -> LockstepBatches:
        """Each replica in its own order; as rows stand where Lightning overfits a few batches."""
        overfits = self.trainer is not None and getattr(self.trainer, "overfit_batches", 0) > 0
        loaders = [data.in_order(0, 1) if overfits else data.shuffled(0, 1) for data in self.each]
        return _beside("train", loaders, self.each)

    def val_dataloader(self) -> LockstepBatches:
        """Each row once."""
        return _beside("val", [data.shard("val", 0, 1) for data in self.each], self.each)


def _beside(
    split: str, loaders: Sequence[Batches], each: Sequence[InMemoryData]
) -> LockstepBatches:
    # Those of data in memory all are.
    plans = [loader.batch_sampler for loader in loaders if isinstance(loader, TensorBatches)]
    splits: list[Samples] = [getattr(data.splits, split) for data in each]
    for plan, samples in zip(plans, splits, strict=True):
        if plan.sizes != plans[0].sizes or samples.x.shape != splits[0].x.shape:
            raise IncompatibleSettings(
                f"replicas must have data of one size, and their {split} splits have"
                f" {tuple(splits[0].x.shape)} and {tuple(samples.x.shape)} numbers in"
                f" {len(plans[0].sizes)} and {len(plan.sizes)} batches: train them as runs of"
                " their own"
            )
    together = Samples(*(torch.stack(parts) for parts in zip(*splits, strict=True)))
    return LockstepBatches(together, Orders(plans))

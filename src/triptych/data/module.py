"""The contract between data and everything above it."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple, final

import torch
from lightning import LightningDataModule

from triptych.data.ceiling import Ceiling
from triptych.data.loader import Batches, TensorBatches
from triptych.data.order import GlobalBatches, Order, Permuted, Sequential, Shards
from triptych.data.signals import Samples
from triptych.errors import InvalidSetting

LARGEST_EVALUATION_BATCH = 4096


class Splits(NamedTuple):
    """The three parts of a data set, each ready for use: scaled, in memory or mapped into it."""

    train: Samples
    val: Samples
    test: Samples


class ClassificationData(LightningDataModule, ABC):
    """Data for a classifier: features (n, D), a class and a family for every sample.

    A subclass says what the data are and how they are read, in memory (`InMemoryData`) or from
    files. The order of training is a function of seed and epoch, so a resumed run and a run with
    another number of processes see the same global batches.

    Args:
        seed: the seed of the run; the streams of data and order are derived from it.
        batch_size: samples per optimizer step over ALL processes.

    Raises:
        InvalidSetting: for a batch size below 1, and from the loaders where the data cannot
            be divided over the processes.
    """

    def __init__(self, seed: int, batch_size: int) -> None:
        super().__init__()
        if batch_size < 1:
            raise InvalidSetting(f"data.batch_size={batch_size} must be at least 1")
        self.seed = seed
        self.batch_size = batch_size
        self._splits: Splits | None = None

    @property
    @abstractmethod
    def in_dim(self) -> int:
        """Number of features, known before `setup`."""

    @property
    @abstractmethod
    def classes(self) -> list[str]:
        """Names of the classes; a label is an index into them."""

    @property
    @abstractmethod
    def families(self) -> list[str]:
        """Names of the processes that made the samples; a family is an index into them."""

    @abstractmethod
    def generate(self) -> Splits:
        """Makes, reads or maps all data; called once, by the first `setup`."""

    @abstractmethod
    def shuffled(self, rank: int, world: int) -> Batches:
        """Training batches of a process, in the order of seed and epoch."""

    @abstractmethod
    def in_order(self, rank: int, world: int) -> Batches:
        """Training batches of a process, from the first row to the last in every epoch."""

    @abstractmethod
    def shard(self, split: str, rank: int, world: int) -> Batches:
        """A process's part of `val` or `test`, in order; every row is in one part."""

    @abstractmethod
    def example(self) -> Samples:
        """Training samples, in memory, that stand for all: what masks are chosen by."""

    def ceiling(self) -> Ceiling | None:
        """The accuracy that no classifier can exceed on samples like those of the test split; None
        where nobody knows it. May take seconds."""
        return None

    @property
    def splits(self) -> Splits:
        """The data as whole tensors. Generates them if no `setup` has done so."""
        if self._splits is None:
            self._splits = self.generate()
        return self._splits

    def training_batches(self, world: int) -> list[int]:
        """Samples of each batch of an epoch, over all of `world` processes. Generates the data."""
        order = Sequential(len(self.splits.train.y))
        shares = GlobalBatches(order, self.batch_size, 0, world).sizes
        return [world * share for share in shares]

    def check_batch(self, world: int) -> None:
        """Refuses a batch that `world` processes cannot share equally."""
        if self.batch_size % world:
            low = self.batch_size // world * world
            near = f"{low} or {low + world}" if low else f"{world}"
            raise InvalidSetting(
                f"data.batch_size={self.batch_size} cannot be divided over {world} devices: "
                f"it counts samples over all devices; use {near}"
            )

    @final
    def setup(self, stage: str) -> None:
        """Makes the data and checks that every process gets its part."""
        world = self._place()[1]
        self.check_batch(world)
        for name, part in zip(Splits._fields, self.splits, strict=True):
            if len(part.y) < world:
                raise InvalidSetting(
                    f"the {name} split has {len(part.y)} samples for {world} devices: "
                    f"each device needs at least one"
                )

    @final
    def train_dataloader(self) -> Batches:
        """Shuffled batches of this process; in order where Lightning overfits a few batches."""
        return (self.in_order if self._overfits() else self.shuffled)(*self._place())

    @final
    def val_dataloader(self) -> Batches:
        """This process's shard of the validation split."""
        return self.shard("val", *self._place())

    @final
    def test_dataloader(self) -> Batches:
        """This process's shard of the test split."""
        return self.shard("test", *self._place())

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """A batch that is there already, without Lightning's search through it for tensors."""
        if isinstance(batch, Samples) and batch.x.device == device:
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def _place(self) -> tuple[int, int]:
        """Rank and number of processes; one process where no trainer is attached."""
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size

    def _overfits(self) -> bool:
        """Whether the trainer repeats a few batches; shuffled, they would not be the same ones."""
        if self.trainer is None:
            return False
        return self.trainer.overfit_batches > 0  # pyright: ignore[reportAttributeAccessIssue]


class InMemoryData(ClassificationData, ABC):
    """Data whose splits are whole tensors in memory."""

    @final
    def shuffled(self, rank: int, world: int) -> TensorBatches:
        """In a fresh permutation every epoch."""
        return self._training(Permuted(len(self.splits.train.y), self.seed), rank, world)

    @final
    def in_order(self, rank: int, world: int) -> TensorBatches:
        """As the rows stand."""
        return self._training(Sequential(len(self.splits.train.y)), rank, world)

    @final
    def shard(self, split: str, rank: int, world: int) -> TensorBatches:
        """In as few batches as `LARGEST_EVALUATION_BATCH` allows."""
        samples: Samples = getattr(self.splits, split)
        plan = Shards(len(samples.y), LARGEST_EVALUATION_BATCH, rank, world)
        return TensorBatches(samples, plan)

    @final
    def example(self) -> Samples:
        """The whole training split."""
        return self.splits.train

    def _training(self, order: Order, rank: int, world: int) -> TensorBatches:
        plan = GlobalBatches(order, self.batch_size, rank, world)
        return TensorBatches(self.splits.train, plan)

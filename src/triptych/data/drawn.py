"""Data whose splits are independent draws from one known process."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import final

from torch import Generator

from triptych.data.module import InMemoryData, Splits
from triptych.data.ranges import require
from triptych.data.scaling import Scaling
from triptych.data.signals import Samples
from triptych.seeds import derive


class DrawnData(InMemoryData, ABC):
    """Train, validation and test each come from a stream of their own, scaled by what train says.

    Args:
        seed: the seed of the run. A split depends on it and on its own size, not on other splits.
        batch_size: samples per optimizer step over all processes.
        sizes: samples of `train`, `val` and `test`.
        each: what every split needs one of, and how many of them there are: its least size.
        scaling: what to fit on the training features.

    Raises:
        InvalidSetting: for a split that is too small, by its key.
    """

    def __init__(
        self,
        seed: int,
        batch_size: int,
        sizes: Mapping[str, int],
        each: tuple[str, int],
        scaling: Scaling,
    ) -> None:
        super().__init__(seed, batch_size)
        what, least = each
        for split, n in sizes.items():
            require(n >= least, f"n_{split}", n, f"at least {least}, one for each {what}")
        self._sizes, self._scaling = dict(sizes), scaling

    @abstractmethod
    def draw(self, n: int, generator: Generator) -> Samples:
        """n samples of the process, not scaled."""

    @final
    def generate(self) -> Splits:
        """Three independent draws, scaled by what the first of them says."""
        raw = {split: self.draw(n, self.stream("data", split)) for split, n in self._sizes.items()}
        scale = self._scaling.fit(raw["train"].x)
        return Splits(**{split: part._replace(x=scale(part.x)) for split, part in raw.items()})

    @final
    def task_stream(self) -> Generator:
        """For what all splits share: directions, centres, rules. No split reads it."""
        return self.stream("task")

    @final
    def stream(self, *purpose: str) -> Generator:
        """Random numbers for a purpose, from the seed."""
        return Generator().manual_seed(derive(self.seed, *purpose))

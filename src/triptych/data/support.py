"""One rule that reads few of many features."""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from triptych.data.ceiling import Ceiling
from triptych.data.drawn import DrawnData
from triptych.data.ranges import require
from triptych.data.scaling import CommonScale, Scaling
from triptych.data.signals import Samples
from triptych.data.teacher import Teachers, draw_teachers, flipped, require_label_noise


@final
@dataclass(frozen=True)
class SupportTask:
    """x ~ N(0, 1) in all d features; a teacher labels it by those in `relevant`."""

    d_in: int
    relevant: Int[Tensor, " s"]
    teachers: Teachers
    label_noise: float

    def draw(self, n: int, generator: Generator) -> Samples:
        """n samples of one family."""
        x = torch.randn(n, self.d_in, generator=generator)
        return Samples(x, flipped(self.above(x), self.label_noise, generator), _zeros(n))

    def above(self, x: Float[Tensor, "n d"]) -> Tensor:
        """The label without noise, (n) bool."""
        return self.teachers.above(x[:, self.relevant], _zeros(len(x)))


@final
class SupportData(DrawnData):
    """Normal features, of which a few decide.

    The class is whether a random network of `teacher_units` tanh units, which reads `relevant`
    features chosen by lot, is above its median. One stream of the seed draws the task (which
    features, the network), one each split: a new seed is a new task, and the three splits are
    independent samples of it.

    Args:
        seed: the seed of the run.
        d_in: number of features.
        relevant: how many of them the class depends on.
        teacher_units: how hard the rule is; 1 makes it linear.
        label_noise: probability that a label is wrong, in every split.
        n_train: training samples.
        n_val: validation samples.
        n_test: test samples.
        batch_size: samples per optimizer step over all processes.
        scaling: what to fit on the training features.

    Raises:
        InvalidSetting: for any of these out of range; the message names the key.
    """

    def __init__(
        self,
        seed: int,
        d_in: int = 256,
        relevant: int = 8,
        teacher_units: int = 3,
        label_noise: float = 0.0,
        n_train: int = 1_000,
        n_val: int = 2_000,
        n_test: int = 10_000,
        batch_size: int = 128,
        scaling: Scaling | None = None,
    ) -> None:
        sizes = {"train": n_train, "val": n_val, "test": n_test}
        super().__init__(seed, batch_size, sizes, ("class", 2), scaling or CommonScale())
        require(d_in >= 1, "d_in", d_in, "at least 1")
        require(1 <= relevant <= d_in, "relevant", relevant, f"in [1, d_in={d_in}]")
        require(teacher_units >= 1, "teacher_units", teacher_units, "at least 1")
        require_label_noise(label_noise)
        self._d_in, self._relevant = d_in, relevant
        self._teacher_units, self._label_noise = teacher_units, label_noise

    @property
    def in_dim(self) -> int:
        """`d_in`."""
        return self._d_in

    @property
    def classes(self) -> list[str]:
        """On which side of its median the network is."""
        return ["below", "above"]

    @property
    def families(self) -> list[str]:
        """All samples are made alike."""
        return ["all"]

    @cached_property
    def task(self) -> SupportTask:
        """What all splits share; features are not scaled there."""
        stream = self.task_stream()
        relevant = torch.randperm(self._d_in, generator=stream)[: self._relevant]
        teachers = draw_teachers(1, self._teacher_units, self._relevant, stream)
        return SupportTask(self._d_in, relevant, teachers, self._label_noise)

    def draw(self, n: int, generator: Generator) -> Samples:
        """Of the task."""
        return self.task.draw(n, generator)

    def ceiling(self) -> Ceiling:
        """Exactly `1 - label_noise`: the features determine the rest."""
        return Ceiling(1 - self._label_noise, 0.0)


def _zeros(n: int) -> Int[Tensor, " n"]:
    return torch.zeros(n, dtype=torch.long)

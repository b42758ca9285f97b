"""Two features, four rules: data whose decision boundary can be drawn."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from triptych.data.ceiling import Ceiling
from triptych.data.drawn import DrawnData
from triptych.data.scaling import Scaling, Unscaled
from triptych.data.signals import Samples
from triptych.data.teacher import flipped, require_label_noise

QUADRANTS = ("lower_left", "upper_left", "lower_right", "upper_right")


@final
@dataclass(frozen=True)
class QuadrantTask:
    """x uniform on [-1, 1]^2; each quadrant is halved by a line through its middle.

    Attributes:
        normals: of the lines, pointing to class 1; unit rows, in the order of `QUADRANTS`.
    """

    normals: Float[Tensor, "4 2"]
    label_noise: float

    def draw(self, n: int, generator: Generator) -> Samples:
        """n samples; the family of each is its quadrant."""
        x = torch.empty(n, 2).uniform_(-1, 1, generator=generator)
        return Samples(x, flipped(self.above(x), self.label_noise, generator), quadrants(x))

    def above(self, x: Float[Tensor, "n 2"]) -> Tensor:
        """The label without noise, (n) bool."""
        middle = (x > 0).float() - 0.5
        return ((x - middle) * self.normals[quadrants(x)]).sum(1) > 0


def quadrants(x: Float[Tensor, "n 2"]) -> Int[Tensor, " n"]:
    """Numbers of the quadrants, in the order of `QUADRANTS`."""
    right, upper = (x > 0).long().unbind(1)
    return 2 * right + upper


@final
class TwoFeaturesData(DrawnData):
    """A square whose four quadrants have a linear rule each, for pictures of decision boundaries.

    One stream of the seed draws the task (the slopes of the four lines), one each split: a new seed
    is a new task, and the three splits are independent samples of it.

    Args:
        seed: the seed of the run.
        label_noise: probability that a label is wrong, in every split.
        n_train: training samples.
        n_val: validation samples.
        n_test: test samples.
        batch_size: samples per optimizer step over all processes.
        scaling: what to fit on the training features; they are on [-1, 1] as they are.

    Raises:
        InvalidSetting: for any of these out of range; the message names the key.
    """

    def __init__(
        self,
        seed: int,
        label_noise: float = 0.0,
        n_train: int = 2_000,
        n_val: int = 2_000,
        n_test: int = 10_000,
        batch_size: int = 128,
        scaling: Scaling | None = None,
    ) -> None:
        sizes = {"train": n_train, "val": n_val, "test": n_test}
        super().__init__(
            seed, batch_size, sizes, ("quadrant", len(QUADRANTS)), scaling or Unscaled()
        )
        require_label_noise(label_noise)
        self._label_noise = label_noise

    @property
    def in_dim(self) -> int:
        """2."""
        return 2

    @property
    def classes(self) -> list[str]:
        """On which side of the quadrant's line."""
        return ["behind", "ahead"]

    @property
    def families(self) -> list[str]:
        """The quadrants."""
        return list(QUADRANTS)

    @cached_property
    def task(self) -> QuadrantTask:
        """What all splits share; features are not scaled there."""
        angle = torch.rand(len(QUADRANTS), generator=self.task_stream()) * 2 * math.pi
        return QuadrantTask(torch.stack([angle.cos(), angle.sin()], dim=1), self._label_noise)

    def draw(self, n: int, generator: Generator) -> Samples:
        """Of the task."""
        return self.task.draw(n, generator)

    def ceiling(self) -> Ceiling:
        """Exactly `1 - label_noise`: the features determine the rest."""
        return Ceiling(1 - self._label_noise, 0.0)

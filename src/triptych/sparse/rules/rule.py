"""What every rule is that changes masks while a net trains."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from triptych.errors import InvalidSetting


@final
@dataclass(frozen=True)
class View:
    """What a rule sees of one layer.

    Attributes:
        weight: zeros outside of the mask, unless the layer is latent.
        mask: that the step was taken with.
        gradient: of all places, the mean over ranks and micro-batches; None unless needed.
        generator: equal on all ranks.
    """

    weight: Float[Tensor, "O D"]
    mask: Bool[Tensor, "O D"]
    gradient: Float[Tensor, "O D"] | None
    generator: torch.Generator


class Rule(ABC):
    """Says at which optimizer steps masks change, and to what. Pure: it remembers nothing."""

    needs_gradient: bool = False
    """Whether an update looks at the gradient of weights that do not exist."""

    @abstractmethod
    def due(self, step: int, steps: int) -> bool:
        """Whether masks change after optimizer step number `step` (from 1) of `steps`."""

    @abstractmethod
    def update(self, layers: Sequence[View], progress: float) -> list[Bool[Tensor, "_ _"]]:
        """The next mask of each layer.

        Args:
            layers: all sparse layers of the net, in its order.
            progress: share of the time of change that is over, in [0, 1].
        """

    @abstractmethod
    def progress(self, step: int, steps: int) -> float:
        """The share of the time of change that is over."""

    def weights_left(self, places: Sequence[int], weights: Sequence[int], progress: float) -> int:
        """How many weights all layers together have after an update; here as many as before.

        Args:
            places: of each layer, those with a weight and those without.
            weights: that each layer had at the first step.
            progress: as `update` gets it.
        """
        return sum(weights)

    def settled(self, step: int, steps: int) -> bool:
        """Whether the net has its final number of weights after `step` optimizer steps."""
        return True


class LatentRule(Rule, ABC):
    """For layers whose weights live on outside of the mask, and for no others."""

    @abstractmethod
    def pull(self, weight: Float[Tensor, "O D"], mask: Bool[Tensor, "O D"]) -> Float[Tensor, "O D"]:
        """A term for the gradient of the weight (also of what is outside of the mask), to be added
        once for each optimizer step: not for each micro-batch, rank or scale of the loss."""


@final
class Static(Rule):
    """Masks stay as they were drawn."""

    def due(self, step: int, steps: int) -> bool:
        """Never."""
        return False

    def update(self, layers: Sequence[View], progress: float) -> list[Bool[Tensor, "_ _"]]:
        """No change."""
        return [layer.mask for layer in layers]

    def progress(self, step: int, steps: int) -> float:
        """Over from the start."""
        return 1.0


class Periodic(Rule, ABC):
    """Changes masks every so many steps, until a share of the training is over.

    Args:
        every: optimizer steps between two changes.
        until: share of all steps after which masks stay; they need time to settle.
    """

    def __init__(self, every: int, until: float) -> None:
        if every < 1:
            raise InvalidSetting(f"every must be at least 1 optimizer step, got {every}")
        if not 0 < until <= 1:
            raise InvalidSetting(f"until must be in (0, 1], got {until}")
        self.every, self.until = every, until

    @final
    def due(self, step: int, steps: int) -> bool:
        """Every `every` steps, while there is time."""
        return step % self.every == 0 and step < self.until * steps

    @final
    def progress(self, step: int, steps: int) -> float:
        """Of the steps in which masks may change."""
        return min(step / max(self.until * steps, 1.0), 1.0)

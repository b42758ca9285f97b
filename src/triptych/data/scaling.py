"""Recipes for the scale of the features. Whatever is fitted is fitted on training data only."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor


@final
@dataclass(frozen=True)
class Affine:
    """x -> (x - shift) / scale, one shift and one scale for each feature, (D,) each."""

    shift: Float[Tensor, " D"]
    scale: Float[Tensor, " D"]

    def __call__(self, x: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        """The scaled features, as a new tensor."""
        return x.sub(self.shift).div_(self.scale)


class Scaling(ABC):
    """Says how features are scaled, given the training features."""

    @abstractmethod
    def fit(self, x: Float[Tensor, "n D"]) -> Affine:
        """The map to apply to every split, fitted on the training features `x`."""


@final
class Standardize(Scaling):
    """Mean 0 and variance 1 of every feature of the training split; a constant one becomes 0."""

    def fit(self, x: Float[Tensor, "n D"]) -> Affine:
        """Mean and population standard deviation, summed in float64: exponentials get large."""
        variance, mean = torch.var_mean(x.double(), dim=0, correction=0)
        scale = torch.where(variance > 0, variance.sqrt(), 1.0)
        return Affine(mean.to(x.dtype), scale.to(x.dtype))


@final
class CommonScale(Scaling):
    """Mean 0 of every feature, and variance 1 over all of them together.

    Angles and relative lengths stay: for data in which directions mean something.
    """

    def fit(self, x: Float[Tensor, "n D"]) -> Affine:
        """Means, and the root of the mean variance; 1 if all features are constant."""
        variance, mean = torch.var_mean(x.double(), dim=0, correction=0)
        scale = variance.mean().sqrt() if variance.any() else variance.new_ones(())
        return Affine(mean.to(x.dtype), scale.to(x.dtype).expand(x.shape[1]))


@final
class Unscaled(Scaling):
    """Leaves the features as they are."""

    def fit(self, x: Float[Tensor, "n D"]) -> Affine:
        """The identity, exact to the bit."""
        return Affine(x.new_zeros(x.shape[1]), x.new_ones(x.shape[1]))

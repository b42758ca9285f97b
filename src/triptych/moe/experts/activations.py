"""Activations between the two layers of an expert."""

from abc import ABC, abstractmethod
from typing import ClassVar, final

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


class Activation(ABC):
    """Maps the first layer's output to F hidden units."""

    inputs_per_unit: ClassVar[int] = 1
    """Outputs of the first layer that make one hidden unit: 2 for gated activations."""

    @abstractmethod
    def __call__(self, x: Float[Tensor, "*rows W"]) -> Float[Tensor, "*rows F"]:
        """(..., F * inputs_per_unit) -> (..., F)."""


@final
class ReLU(Activation):
    """`max(x, 0)`."""

    def __call__(self, x: Float[Tensor, "*rows W"]) -> Float[Tensor, "*rows F"]:
        """Elementwise."""
        return F.relu(x)


@final
class Identity(Activation):
    """`x`: the layers around it are one linear map."""

    def __call__(self, x: Float[Tensor, "*rows W"]) -> Float[Tensor, "*rows F"]:
        """As it is."""
        return x


@final
class Cubic(Activation):
    """`x^3` (Chen et al. 2022, arXiv 2208.02813)."""

    def __call__(self, x: Float[Tensor, "*rows W"]) -> Float[Tensor, "*rows F"]:
        """Elementwise."""
        return x * x * x


@final
class GELU(Activation):
    """`x Phi(x)`, exact (Hendrycks and Gimpel 2016, arXiv 1606.08415)."""

    def __call__(self, x: Float[Tensor, "*rows W"]) -> Float[Tensor, "*rows F"]:
        """Elementwise."""
        return F.gelu(x)


@final
class SwiGLU(Activation):
    """`silu(a) * b`; the first F columns are a, the others b (Shazeer 2020, arXiv 2002.05202)."""

    inputs_per_unit = 2  # the gate and the value

    def __call__(self, x: Float[Tensor, "*rows W"]) -> Float[Tensor, "*rows F"]:
        """Halves the width."""
        gate, value = x.chunk(2, dim=-1)
        return F.silu(gate) * value

"""What every likelihood of a noisy signal has in common."""

import math
from typing import Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

LARGEST_GRID = 30_000_000  # numbers in the templates of a quadrature: beyond it, nobody waits
CHUNK = 1_000_000  # numbers in one intermediate tensor
NEGLIGIBLE = 20.0  # nats below the best node, where a node is left out

PRIOR = 60.0  # nats, more than any prior density costs
ROUNDING = 1e-3  # of the norm of a signal


class Likelihood(Protocol):
    """The density of signals under one family."""

    def __call__(self, x: Float[Tensor, "n L"], noise: float) -> Float[Tensor, "n bins"] | None:
        """log p(x, bin) in nats, in float64, for the bins of the family's latent; one bin where
        the latent does not matter; -inf for an `x` that the family does not make. `noise` is the
        standard deviation of the noise, above 0. None where the quadrature would need too many
        nodes."""
        ...


def log_noise(x: Float[Tensor, "n L"], noise: float) -> Float[Tensor, " n"]:
    """The log-density of `x` if it were noise and nothing else."""
    scale = x.shape[1] * (math.log(noise) + 0.5 * math.log(2 * math.pi))
    return (x / noise).square().sum(1).mul(-0.5) - scale


def hopeless(
    x: Float[Tensor, "n L"], gain: Float[Tensor, " n"], noise: float
) -> Bool[Tensor, " n"]:
    """Whether `x` is so far from all signals of a family that nothing but another made it.

    The squared noise of a sample is chi-squared: beyond its mean by ten standard deviations and 50
    about once in 1e14 samples. The rest is for what the prior of the true family may cost, and for
    signals so large that float32 rounds them, or that a grid is too coarse for them.

    Args:
        gain: log of p(x | best signal) / p(x | nothing but noise).
    """
    length = x.shape[1]
    energy = (x / noise).square().sum(1)
    usual = length + 10 * math.sqrt(2 * length) + 50
    return energy - 2 * gain > usual + 2 * PRIOR + ROUNDING**2 * energy


def log_normal_mass(low: Tensor, high: Tensor) -> Tensor:
    """log(Phi(high) - Phi(low)) for low < high, also far out in either tail."""
    right = low > 0  # there Phi is near 1: its mirror image is near 0, where floats are dense
    low, high = torch.where(right, -high, low), torch.where(right, -low, high)
    top = torch.special.log_ndtr(high)
    share = (torch.special.log_ndtr(low) - top).clamp(max=0)
    return top + torch.log(-torch.expm1(share))


def log_amplitude(
    projection: Tensor, energy: Tensor, low: float, high: float, noise: float
) -> Tensor:
    """log of p(x) / p(x | nothing but noise) for x = a * u + noise, with a ~ U(low, high).

    The integral over `a` is that of a normal density between two ends, so it is exact.

    Args:
        projection: x . u
        energy: u . u, above 0.
    """
    deviation = noise / energy.sqrt()
    mean = projection / energy
    mass = log_normal_mass((low - mean) / deviation, (high - mean) / deviation)
    peak = 0.5 * (mean / deviation).square()
    return peak + mass + torch.log(deviation * (math.sqrt(2 * math.pi) / (high - low)))


def log_amplitude_bound(
    projection: Tensor, energy: Tensor, low: float, high: float, noise: float
) -> Tensor:
    """The largest value of the integrand of `log_amplitude`; cheap, and never below it."""
    best = (projection / energy).clamp_(low, high)
    return (projection - 0.5 * energy * best).mul_(best).div_(noise**2)


def log_sums(
    values: Float[Tensor, " m"], place: Int[Tensor, " m"], places: int
) -> Float[Tensor, " places"]:
    """log of the sum of exp(values) at each place; -inf where there are none.

    >>> log_sums(torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0, 0, 2]), 3)
    tensor([0.6931,   -inf, 1.0000])
    """
    top = values.new_full((places,), -torch.inf).scatter_reduce_(0, place, values, "amax")
    sums = values.new_zeros(places).index_add_(0, place, (values - top[place]).exp_())
    return top + sums.log()

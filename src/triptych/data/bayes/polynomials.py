"""Polynomials: the mean is linear in every parameter."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from triptych.data.bayes.likelihood import log_amplitude, log_noise


@final
@dataclass(frozen=True)
class GaussianPolynomial:
    """Independent coefficients from N(0, spread^2), highest power first, over t in [-end, end];
    exact, because the signal is then a normal vector."""

    spread: Sequence[float]
    end: float

    def __call__(self, x: Float[Tensor, "n L"], noise: float) -> Float[Tensor, "n 1"]:
        """See `Likelihood`. By Woodbury's identity the inverse is as small as the polynomial."""
        x = x.double()
        t = torch.linspace(-self.end, self.end, x.shape[1], dtype=torch.float64)
        powers = range(len(self.spread) - 1, -1, -1)
        basis = torch.stack([t**p * s for p, s in zip(powers, self.spread, strict=True)], 1)
        projection = x @ basis / noise
        precision = torch.eye(len(self.spread), dtype=torch.float64) + basis.T @ basis / noise**2
        explained = (projection @ precision.inverse() * projection).sum(1) / noise**2
        logs = log_noise(x, noise) + 0.5 * (explained - precision.logdet())
        return logs[:, None]


@final
@dataclass(frozen=True)
class BoxCubic:
    """c3 * t^3 + c2 * t^2 + c1 * t over t in [-1, 1], each coefficient from U(-largest, largest).

    The latent is c2. On times that are symmetric around 0 it is independent of the other two given
    the signal; c1 is integrated exactly and c3 by Gauss-Legendre quadrature.

    Attributes:
        spacing: of the nodes, in standard deviations of the likelihood.
    """

    largest: float
    bins: int
    spacing: float = 0.5

    def __call__(self, x: Float[Tensor, "n L"], noise: float) -> Float[Tensor, "n bins"]:
        """See `Likelihood`."""
        x = x.double()
        t = torch.linspace(-1, 1, x.shape[1], dtype=torch.float64)
        edges = torch.linspace(-self.largest, self.largest, self.bins + 1).tolist()
        square, energy = x @ t**2, (t**4).sum()
        bent = [log_amplitude(square, energy, low, high, noise) for low, high in pairwise(edges)]
        logs = torch.stack(bent, 1) - math.log(self.bins)
        return logs + (log_noise(x, noise) + self._odd(x, t, noise))[:, None]

    def _odd(self, x: Tensor, t: Tensor, noise: float) -> Float[Tensor, " n"]:
        """The part of c3 and c1."""
        cube, line = x @ t**3, x @ t
        cubes, mixed, lines = (t**6).sum(), (t**4).sum(), (t**2).sum()
        deviation = noise / math.sqrt(max(1e-12, float(cubes - mixed**2 / lines)))
        count = 32 + math.ceil(2 * self.largest / (deviation * self.spacing))
        nodes, weights = np.polynomial.legendre.leggauss(count)
        total = torch.full_like(cube, -torch.inf)
        for node, weight in zip(nodes * self.largest, weights / 2, strict=True):
            peak = (cube * node - 0.5 * cubes * node**2) / noise**2
            rest = log_amplitude(line - node * mixed, lines, -self.largest, self.largest, noise)
            total = torch.logaddexp(total, peak + rest + math.log(weight))
        return total

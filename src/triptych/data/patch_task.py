"""Patches of which one carries the class, one the cluster, and two nothing.

Letters: K clusters, d features of a patch, P patches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from triptych.data.signals import Samples

PATCHES = 4
"""P: signal, centre, noise, and another cluster's signal."""

Range = Sequence[float]
"""Lowest and highest value of a uniform distribution."""


@final
@dataclass(frozen=True)
class PatchTask:
    """The distribution of definition 3.1 of Chen et al. 2022, arXiv 2208.02813.

    Attributes:
        signals: v of each cluster; orthonormal rows, to `centres` too.
        centres: c of each cluster.
        alpha: range of the signal's strength.
        beta: range of the centre's strength.
        gamma: range of the strength of the other cluster's signal.
        sigma: length that a patch of noise has, as a root mean square.
    """

    signals: Float[Tensor, "K d"]
    centres: Float[Tensor, "K d"]
    alpha: Range
    beta: Range
    gamma: Range
    sigma: float

    def draw(self, n: int, generator: Generator) -> Samples:
        """n samples, their patches in random order; the family of each is its cluster."""
        clusters, d = self.signals.shape
        y, sign = torch.randint(2, (2, n), generator=generator)
        cluster = torch.randint(clusters, (n,), generator=generator)
        shift = torch.randint(1, clusters, (n,), generator=generator)
        other = (cluster + shift) % clusters
        alpha, beta, gamma = (
            torch.empty(n, 1).uniform_(*range_, generator=generator)
            for range_ in (self.alpha, self.beta, self.gamma)
        )
        patches = torch.stack(
            [
                self.signals[cluster] * (2 * y - 1)[:, None] * alpha,
                self.centres[cluster] * beta,
                torch.randn(n, d, generator=generator).mul_(self.sigma / d**0.5),
                self.signals[other] * (2 * sign - 1)[:, None] * gamma,
            ],
            dim=1,
        )
        order = torch.rand(n, PATCHES, generator=generator).argsort(dim=1)
        shuffled = patches.gather(1, order[:, :, None].expand_as(patches))
        return Samples(shuffled.flatten(1), y, cluster)


def draw_directions(
    num_clusters: int, d_patch: int, generator: Generator
) -> tuple[Float[Tensor, "K d"], Float[Tensor, "K d"]]:
    """Signals and centres: rows of one random rotation."""
    axes = torch.linalg.qr(torch.randn(d_patch, d_patch, generator=generator)).Q
    return axes[:num_clusters], axes[num_clusters : 2 * num_clusters]

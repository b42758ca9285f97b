"""Clusters with one rule each: how their samples are made, and what can be known from a sample.

Letters: K clusters, d inputs, c content inputs.
"""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from triptych.data.ceiling import Ceiling
from triptych.data.signals import Samples
from triptych.data.teacher import Teachers, flipped

NO_NOISE = 1e-6
"""Stands for a noise of 0 where it divides: far below any distance between two centres."""
DECIDING, JUDGING = 127, 16
"""Guesses for each of them."""
ROWS_AT_ONCE = 2_000


@final
@dataclass(frozen=True)
class ClusterTask:
    """`x = z R + rho u + noise e`, labelled by the teacher of its cluster from z alone.

    z (c) and e (d) are standard normal, the cluster is uniform on K.

    Attributes:
        content: R, orthonormal rows.
        centres: u of each cluster, unit rows orthogonal to those of `content`.
        teachers: one for each cluster, of c inputs.
        rho: distance of the centres from the origin.
        noise: standard deviation of what is added to every input.
        label_noise: probability that a label is turned round.
    """

    content: Float[Tensor, "c d"]
    centres: Float[Tensor, "K d"]
    teachers: Teachers
    rho: float
    noise: float
    label_noise: float

    def draw(self, n: int, generator: Generator) -> Samples:
        """n samples; the family of each is its cluster."""
        cluster = torch.randint(len(self.centres), (n,), generator=generator)
        z = torch.randn(n, len(self.content), generator=generator)
        y = flipped(self.teachers.above(z, cluster), self.label_noise, generator)
        x = torch.randn(n, self.content.shape[1], generator=generator).mul_(self.noise)
        x.addmm_(z, self.content).add_(self.centres[cluster], alpha=self.rho)
        return Samples(x, y, cluster)

    def guesses(
        self, x: Float[Tensor, "n d"], draws: int, generator: Generator
    ) -> Bool[Tensor, "n draws"]:
        """What the teacher may have said to each sample, in its true proportions given x.

        z and cluster are drawn from their distribution given x. It is a product: the centres are
        orthogonal to the content, so what x says of one says nothing of the other.
        """
        variance = max(self.noise, NO_NOISE) ** 2
        # The centres are equally long, so the nearest one has the largest product.
        likelihood = (x.double() @ self.centres.double().T).mul_(self.rho / variance)
        posterior = likelihood.softmax(1)
        cluster = torch.multinomial(posterior, draws, replacement=True, generator=generator)
        shrunk = (x @ self.content.T).div_(1 + variance)
        z = torch.randn(len(x), draws, shrunk.shape[1], generator=generator)
        z.mul_((variance / (1 + variance)) ** 0.5).add_(shrunk[:, None])
        return self.teachers.above(z.flatten(0, 1), cluster.flatten()).view(len(x), draws)

    def ceiling(self, n: int, generator: Generator) -> Ceiling:
        """The accuracy, on n fresh samples, of one who knows the task and takes the likelier class.

        It decides by the majority of some guesses and is held against others, so the estimate is
        from below: it loses where a class is hardly likelier than the other, and little there.
        """
        x = self.draw(n, generator).x
        shares = []
        for rows in x.split(ROWS_AT_ONCE):
            guesses = self.guesses(rows, DECIDING + JUDGING, generator)
            decided = guesses[:, :DECIDING].double().mean(1) > 0.5
            shares.append((guesses[:, DECIDING:] == decided[:, None]).double().mean(1))
        right = torch.cat(shares) * (1 - 2 * self.label_noise) + self.label_noise
        return Ceiling(float(right.mean()), float(right.std()) / n**0.5, n)


def draw_axes(
    num_clusters: int, d_content: int, d_in: int, generator: Generator
) -> tuple[Float[Tensor, "c d"], Float[Tensor, "K d"]]:
    """Directions of the content and of the centres, orthogonal to each other.

    The centres are orthogonal among themselves too, as long as there is room: for up to
    `d_in - d_content` of them. More are random directions of what the content leaves free.
    """
    axes = torch.linalg.qr(torch.randn(d_in, d_in, generator=generator)).Q
    content, free = axes[:d_content], axes[d_content:]
    if num_clusters <= len(free):
        return content, free[:num_clusters]
    mixed = torch.randn(num_clusters, len(free), generator=generator)
    return content, torch.nn.functional.normalize(mixed) @ free

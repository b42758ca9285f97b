"""Signals that are an amplitude times a template, whatever the template depends on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from triptych.data.bayes.likelihood import (
    CHUNK,
    LARGEST_GRID,
    NEGLIGIBLE,
    hopeless,
    log_amplitude,
    log_amplitude_bound,
    log_noise,
    log_sums,
)
from triptych.data.bayes.nodes import Nodes

ROWS = 256  # of samples, so that a block of the grid stays in the cache


@final
@dataclass(frozen=True)
class Templates:
    """The amplitude, from U(*amplitude), is integrated exactly and the rest by quadrature.

    Attributes:
        grid: `(seq_len, step, bins)` to templates (G, L) so dense that neighbours are about
            `step` apart; None where they are too many.
        spacing: of neighbours at the largest amplitude, in standard deviations of the noise.
    """

    grid: Callable[[int, float, int], Nodes | None]
    amplitude: tuple[float, float]
    bins: int = 1
    spacing: float = 1.0

    def __call__(self, x: Float[Tensor, "n L"], noise: float) -> Float[Tensor, "n bins"] | None:
        """See `Likelihood`. Nodes of negligible likelihood are found by a cheap bound."""
        step = self.spacing * noise / max(map(abs, self.amplitude))
        nodes = self.grid(x.shape[1], step, self.bins)
        if nodes is None or nodes.value.numel() > LARGEST_GRID:
            return None
        parts = x.double().split(ROWS)
        return torch.cat([self._chunk(part, nodes, noise) for part in parts])

    def _chunk(self, x: Tensor, nodes: Nodes, noise: float) -> Float[Tensor, "n bins"]:
        """Once over the grid for the best node of each row, then for all that count beside it."""
        blocks = list(zip(*(part.split(CHUNK // ROWS) for part in nodes), strict=True))
        best = x.new_full((len(x),), -torch.inf)
        for template, _, _ in blocks:
            best = torch.maximum(best, self._bound(x, template, noise)[2].amax(1))
        # The second time, sums of large numbers may round differently.
        enough = best - NEGLIGIBLE - 1e-9 * best.abs()
        rows = (~hopeless(x, best, noise)).nonzero()[:, 0]
        total = x.new_full((len(rows) * self.bins,), -torch.inf)
        for template, weight, bin_ in blocks:
            projection, energy, bound = self._bound(x[rows], template, noise)
            row, node = (bound > enough[rows, None]).nonzero(as_tuple=True)
            logs = log_amplitude(projection[row, node], energy[node], *self.amplitude, noise)
            place = row * self.bins + bin_[node]
            sums = log_sums(logs + weight[node].log(), place, len(total))
            total = torch.logaddexp(total, sums)
        logs = x.new_full((len(x), self.bins), -torch.inf)
        logs[rows] = total.view(-1, self.bins) + log_noise(x[rows], noise)[:, None]
        return logs

    def _bound(self, x: Tensor, template: Tensor, noise: float) -> tuple[Tensor, Tensor, Tensor]:
        """Projections (n, G), energies (G,) and bounds (n, G) of the likelihood."""
        energy, projection = template.square().sum(1).clamp(min=1e-12), x @ template.T
        return projection, energy, log_amplitude_bound(projection, energy, *self.amplitude, noise)

"""Sinusoids and chirps: two linear parameters instead of amplitude and phase."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, final

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

FEWEST_NODES = 16  # of frequencies for each bin, and of phases
PERIODIC = 1.5  # wider spacing for phases: a sum over a whole turn converges faster


class Waves(NamedTuple):
    """The frequencies of a quadrature, F of them; a signal is A * sine + B * cosine + noise."""

    sine: Float[Tensor, "F L"]
    cosine: Float[Tensor, "F L"]
    gram: tuple[Float[Tensor, " F"], Float[Tensor, " F"], Float[Tensor, " F"]]


@final
@dataclass(frozen=True)
class Oscillation:
    """amp * sin(angle(t) + frequency * slope(t) + phase), with phase from U(0, 2 pi), frequency
    from U(*bounds), amp from U(*amplitude).

    The amplitude is integrated exactly; phase and frequency by quadrature. For each frequency,
    the best amplitude and phase have a closed form, which tells the few frequencies that matter.

    Attributes:
        angle: `seq_len` to the part that is known, (L,).
        slope: `seq_len` to the factor of the frequency, (L,).
        bins: of the frequency.
        spacing: of neighbours at the largest amplitude, in standard deviations.
    """

    angle: Callable[[int], Float[Tensor, " L"]]
    slope: Callable[[int], Float[Tensor, " L"]]
    bounds: tuple[float, float]
    amplitude: tuple[float, float]
    bins: int = 1
    spacing: float = 1.0

    def __call__(self, x: Float[Tensor, "n L"], noise: float) -> Float[Tensor, "n bins"] | None:
        """See `Likelihood`."""
        length = x.shape[1]
        # Around its mean, so that a small change of frequency is no change of phase.
        slope = self.slope(length).double()
        slope = slope - slope.mean()
        step = self.spacing * noise / self.amplitude[1]
        low, high = self.bounds
        width = (high - low) / self.bins
        cells = math.ceil(width * float(slope.norm()) / (math.sqrt(2) * step))
        count = self.bins * max(FEWEST_NODES, cells)
        if count * length > LARGEST_GRID:
            return None
        frequency = low + (high - low) * (torch.arange(count).double() + 0.5) / count
        angle = self.angle(length).double() + frequency[:, None] * slope
        sine, cosine = angle.sin(), angle.cos()
        gram = (sine.square().sum(1), (sine * cosine).sum(1), cosine.square().sum(1))
        turn = max(FEWEST_NODES, math.ceil(2 * math.pi * math.sqrt(length / 2) / (PERIODIC * step)))
        waves = Waves(sine, cosine, gram)
        parts = x.double().split(max(1, CHUNK // count))
        return torch.cat([self._chunk(part, waves, turn, noise) for part in parts])

    def _chunk(self, x: Tensor, waves: Waves, turn: int, noise: float) -> Tensor:
        sines, cosines = x @ waves.sine.T, x @ waves.cosine.T
        reachable, reached = self._bounds(sines, cosines, waves, noise)
        best = reachable.amax(1)
        enough = reached.amax(1).masked_fill(hopeless(x, best, noise), torch.inf) - NEGLIGIBLE
        row, node = (reachable > enough[:, None]).nonzero(as_tuple=True)
        phase = torch.arange(turn).double() * (2 * math.pi / turn)
        sin, cos = phase.sin(), phase.cos()
        basis = torch.stack([cos.square(), 2 * sin * cos, sin.square()])
        gram = torch.stack(waves.gram, 1)
        total = x.new_full((len(x) * self.bins,), -torch.inf)
        for r, f in zip(*(part.split(max(1, CHUNK // turn)) for part in (row, node)), strict=True):
            projection = sines[r, f, None] * cos + cosines[r, f, None] * sin
            energy = (gram[f] @ basis).clamp_(min=1e-12)
            bound = log_amplitude_bound(projection, energy, *self.amplitude, noise)
            keep = bound > enough[r, None]
            logs = log_amplitude(projection[keep], energy[keep], *self.amplitude, noise)
            place = r * self.bins + f * self.bins // len(gram)
            sums = log_sums(logs, place.repeat_interleave(keep.sum(1)), len(total))
            total = torch.logaddexp(total, sums)
        logs = total.view(len(x), self.bins) - math.log(len(gram) * turn)
        return logs + log_noise(x, noise)[:, None]

    def _bounds(
        self, sines: Tensor, cosines: Tensor, waves: Waves, noise: float
    ) -> tuple[Float[Tensor, "n F"], Float[Tensor, "n F"]]:
        """What the best amplitude and phase can reach at most, and at least, at each frequency.

        The best pair (A, B) without bounds lies some way outside the ring of amplitudes; coming
        back costs between the smaller and the larger eigenvalue of the quadratic form.
        """
        pp, pq, qq = waves.gram
        # At the Nyquist frequency sine and cosine are the same wave.
        determinant = (pp * qq - pq**2).clamp(min=1e-9)
        a = (qq * sines - pq * cosines) / determinant
        b = (pp * cosines - pq * sines) / determinant
        free = 0.5 * (a * sines + b * cosines)
        radius = torch.hypot(a, b)
        outside = 0.5 * (radius - radius.clamp(*self.amplitude)).square()
        middle, half = (pp + qq) / 2, torch.hypot((pp - qq) / 2, pq)
        reachable = free - outside * (middle - half).clamp(min=0)
        return reachable / noise**2, (free - outside * (middle + half)) / noise**2

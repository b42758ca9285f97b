"""Eight kinds of signal, each with one attribute that can be read off a clean one.

Times are t in [0, 1]. The latent of every kind is uniform, so the edges of equally likely bins are
exact. Amplitudes are from U(.5, 1.5) where nothing else is said.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from triptych.data.attribute_grids import bump_grid, decay_grid, jump_grid, saw_grid, square_grid
from triptych.data.bayes import BoxCubic, Likelihood, Oscillation, Templates
from triptych.data.families import uniform

AMPLITUDES = (0.5, 1.5)
SINE_FREQUENCIES = (1.0, 6.0)
CHIRPS = (0.0, 5.0)
LARGEST_COEFFICIENT = 1.5
JUMPS = (0.1, 0.9)
DECAYS = (0.5, 6.0)
WIDTHS, CENTRES, HEIGHTS = (0.03, 0.3), (0.2, 0.8), (0.7, 1.5)
FREQUENCIES = (1.0, 5.0)


class Traits(NamedTuple):
    """Attributes:
    signal: noiseless signals, (n, L) float32.
    quantile: of the latent, (n,) in [0, 1).
    """

    signal: Float[Tensor, "n L"]
    quantile: Float[Tensor, " n"]


@dataclass(frozen=True)
class AttributeFamily:
    """One kind of signal.

    Attributes:
        draw: `(n, seq_len, generator)` to n noiseless signals and their latents.
        likelihood: number of bins of the latent to the density of a noisy signal.
    """

    name: str
    draw: Callable[[int, int, Generator], Traits]
    likelihood: Callable[[int], Likelihood]


def times(seq_len: int) -> Float[Tensor, " L"]:
    """[0, 1] in equal steps."""
    return torch.linspace(0, 1, seq_len)


def sine(n: int, seq_len: int, generator: Generator) -> Traits:
    """amp * sin(2 pi f t + phase); the latent is f, U(1, 6)."""
    f, quantile = _latent(n, SINE_FREQUENCIES, generator)
    angle = f * sine_slope(seq_len) + uniform(n, 0.0, 2 * math.pi, generator)
    return Traits(angle.sin() * uniform(n, *AMPLITUDES, generator), quantile)


def sine_slope(seq_len: int) -> Float[Tensor, " L"]:
    """What multiplies the frequency in the angle."""
    return 2 * math.pi * times(seq_len)


def cubic(n: int, seq_len: int, generator: Generator) -> Traits:
    """c3 u^3 + c2 u^2 + c1 u, u = 2 t - 1, all U(-1.5, 1.5); the latent is the curvature c2."""
    c2, quantile = _latent(n, (-LARGEST_COEFFICIENT, LARGEST_COEFFICIENT), generator)
    c3, c1 = (uniform(n, -LARGEST_COEFFICIENT, LARGEST_COEFFICIENT, generator) for _ in range(2))
    u = torch.linspace(-1, 1, seq_len)
    return Traits(c3 * u**3 + c2 * u**2 + c1 * u, quantile)


def step(n: int, seq_len: int, generator: Generator) -> Traits:
    """+-amp after a jump and 0 before; the latent is the time of the jump, U(.1, .9)."""
    jump, quantile = _latent(n, JUMPS, generator)
    return Traits((times(seq_len) > jump) * _signed(n, generator), quantile)


def decay(n: int, seq_len: int, generator: Generator) -> Traits:
    """+-amp * exp(-rate t); the latent is the rate, U(.5, 6)."""
    rate, quantile = _latent(n, DECAYS, generator)
    return Traits((-rate * times(seq_len)).exp() * _signed(n, generator), quantile)


def chirp(n: int, seq_len: int, generator: Generator) -> Traits:
    """amp * sin(2 pi (t + q t^2) + phase); the latent is q, U(0, 5)."""
    q, quantile = _latent(n, CHIRPS, generator)
    angle = chirp_angle(seq_len) + q * chirp_slope(seq_len)
    angle = angle + uniform(n, 0.0, 2 * math.pi, generator)
    return Traits(angle.sin() * uniform(n, *AMPLITUDES, generator), quantile)


def chirp_angle(seq_len: int) -> Float[Tensor, " L"]:
    """The angle of a chirp with q = 0 and phase 0."""
    return 2 * math.pi * times(seq_len)


def chirp_slope(seq_len: int) -> Float[Tensor, " L"]:
    """What multiplies q in the angle."""
    return 2 * math.pi * times(seq_len) ** 2


def bump(n: int, seq_len: int, generator: Generator) -> Traits:
    """height * exp(-((t - centre) / width)^2); the latent is the width, U(.03, .3); centre
    U(.2, .8), height U(.7, 1.5)."""
    width, quantile = _latent(n, WIDTHS, generator)
    away = (times(seq_len) - uniform(n, *CENTRES, generator)) / width
    return Traits((-away.square()).exp() * uniform(n, *HEIGHTS, generator), quantile)


def square(n: int, seq_len: int, generator: Generator) -> Traits:
    """+-amp, the sign of sin(2 pi (f t + phase)); the latent is f, U(1, 5)."""
    f, quantile = _latent(n, FREQUENCIES, generator)
    turns = f * times(seq_len) + uniform(n, 0.0, 1.0, generator)
    signal = torch.where(turns % 1 < 0.5, 1.0, -1.0)
    return Traits(signal * uniform(n, *AMPLITUDES, generator), quantile)


def saw(n: int, seq_len: int, generator: Generator) -> Traits:
    """amp * (2 frac(f t + phase) - 1); the latent is f, U(1, 5)."""
    f, quantile = _latent(n, FREQUENCIES, generator)
    turns = f * times(seq_len) + uniform(n, 0.0, 1.0, generator)
    return Traits((2 * (turns % 1) - 1) * uniform(n, *AMPLITUDES, generator), quantile)


def _latent(
    n: int, bounds: tuple[float, float], generator: Generator
) -> tuple[Float[Tensor, "n 1"], Float[Tensor, " n"]]:
    """The latent as a column, and its quantiles."""
    quantile = torch.rand(n, generator=generator)
    low, high = bounds
    return (low + (high - low) * quantile)[:, None], quantile


def _signed(n: int, generator: Generator) -> Float[Tensor, "n 1"]:
    """An amplitude of either sign."""
    sign = 2 * torch.randint(2, (n, 1), generator=generator) - 1
    return sign * uniform(n, *AMPLITUDES, generator)


ATTRIBUTE_FAMILIES = (
    AttributeFamily(
        "sine",
        sine,
        lambda bins: Oscillation(torch.zeros, sine_slope, SINE_FREQUENCIES, AMPLITUDES, bins),
    ),
    AttributeFamily("cubic", cubic, lambda bins: BoxCubic(LARGEST_COEFFICIENT, bins)),
    AttributeFamily("step", step, lambda bins: Templates(jump_grid(JUMPS), AMPLITUDES, bins)),
    AttributeFamily("decay", decay, lambda bins: Templates(decay_grid(DECAYS), AMPLITUDES, bins)),
    AttributeFamily(
        "chirp",
        chirp,
        lambda bins: Oscillation(chirp_angle, chirp_slope, CHIRPS, AMPLITUDES, bins),
    ),
    AttributeFamily(
        "bump", bump, lambda bins: Templates(bump_grid(WIDTHS, CENTRES), HEIGHTS, bins)
    ),
    AttributeFamily(
        "square", square, lambda bins: Templates(square_grid(FREQUENCIES), AMPLITUDES, bins)
    ),
    AttributeFamily("saw", saw, lambda bins: Templates(saw_grid(FREQUENCIES), AMPLITUDES, bins)),
)
"""In the order in which `num_families` takes them."""

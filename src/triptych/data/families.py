"""The four kinds of signal, each a pure function of its size and a random stream.

Every function draws its parameters from the `torch.Generator` that it is given and returns the
noiseless signals, (n, seq_len) in float32. In-place arithmetic is for speed: a fresh tensor of
this size costs more in page faults than the arithmetic that fills it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from triptych.data.bayes import GaussianPolynomial, Levels, Likelihood, Oscillation, Templates
from triptych.data.bayes.nodes import Nodes, spread

MOST_STEPS = 6
FEWEST_STEPS = 3
LARGEST_LEVEL = 1.5
FASTEST_RATE = 0.15
FREQUENCIES = (1.0, 4.0)
AMPLITUDES = (0.5, 1.5)
COEFFICIENTS = (0.1, 0.3, 0.5, 0.2)
# exp(rate * t) must stay a finite float32: t <= ln(max) / rate.
LONGEST_EXPONENTIAL = 1 + int(math.log(torch.finfo(torch.float32).max) / FASTEST_RATE)
LONGEST = 1 << 20

Signal = Callable[[int, int, Generator], Float[Tensor, "n L"]]


@dataclass(frozen=True)
class Family:
    """One kind of signal.

    Attributes:
        signal: `(n, seq_len, generator)` to n noiseless signals.
        noise_scale: factor on the noise level of the data set; 1 is the same law for everyone.
        longest: the largest `seq_len` for which all values are finite.
        likelihood: the density of a noisy signal; None where nobody has worked it out.
    """

    name: str
    signal: Signal
    noise_scale: float = 1.0
    longest: int = LONGEST
    likelihood: Likelihood | None = None


def uniform(n: int, low: float, high: float, generator: Generator) -> Float[Tensor, "n 1"]:
    """One draw from U(low, high) for each signal, as a column."""
    return torch.empty(n, 1).uniform_(low, high, generator=generator)


def sinusoid(n: int, seq_len: int, generator: Generator) -> Float[Tensor, "n L"]:
    """amp * sin(freq * t + phase) over t in [0, 6 pi].

    freq U(1, 4), phase U(0, 2 pi), amp U(.5, 1.5).
    """
    freq = uniform(n, *FREQUENCIES, generator)
    phase = uniform(n, 0.0, 2 * math.pi, generator)
    amp = uniform(n, *AMPLITUDES, generator)
    t = sinusoid_times(seq_len)
    return torch.addcmul(phase, freq, t).sin_().mul_(amp)


def sinusoid_times(seq_len: int) -> Float[Tensor, " L"]:
    """[0, 6 pi] in equal steps."""
    return torch.linspace(0, 6 * math.pi, seq_len)


def cubic(n: int, seq_len: int, generator: Generator) -> Float[Tensor, "n L"]:
    """A cubic over t in [-2, 2]; coefficients N(0, 1) * (.1, .3, .5, .2), highest power first."""
    spread = torch.tensor(COEFFICIENTS)
    coefficients = torch.randn(n, 4, generator=generator) * spread
    t = torch.linspace(-2, 2, seq_len)
    return coefficients @ torch.stack([t**3, t**2, t, torch.ones_like(t)])


def steps(n: int, seq_len: int, generator: Generator) -> Float[Tensor, "n L"]:
    """3 to 6 levels from U(-1.5, 1.5), spread evenly over the whole window."""
    return _levels(n, even_segments(seq_len), generator)


def source_steps(n: int, seq_len: int, generator: Generator) -> Float[Tensor, "n L"]:
    """The steps of the source: each is seq_len // k long, so what is left at the end stays 0."""
    return _levels(n, source_segments(seq_len), generator)


def even_segments(seq_len: int) -> Int[Tensor, "choices L"]:
    """Which step holds at each time, for each number of steps."""
    t = torch.arange(seq_len)
    return torch.stack([t * k // seq_len for k in range(FEWEST_STEPS, MOST_STEPS + 1)])


def source_segments(seq_len: int) -> Int[Tensor, "choices L"]:
    """The same for the steps of the source; `MOST_STEPS` is what is left at the end."""
    t = torch.arange(seq_len)
    widths = [(k, seq_len // k) for k in range(FEWEST_STEPS, MOST_STEPS + 1)]
    return torch.stack([torch.where(t // w < k, t // w, MOST_STEPS) for k, w in widths])


def _levels(n: int, segment: Tensor, generator: Generator) -> Float[Tensor, "n L"]:
    """Signals of constant pieces: `segment` (choices, L) says which level holds at each time.

    Segment `MOST_STEPS` is the level 0.
    """
    choice = torch.randint(len(segment), (n,), generator=generator)
    level = torch.zeros(n, MOST_STEPS + 1)
    level[:, :MOST_STEPS] = torch.empty(n, MOST_STEPS).uniform_(
        -LARGEST_LEVEL, LARGEST_LEVEL, generator=generator
    )
    return level.gather(1, segment[choice])


def exponential(n: int, seq_len: int, generator: Generator) -> Float[Tensor, "n L"]:
    """initial * exp(rate * t): rate U(-.15, .15), initial U(-1, 1), t = 0 .. seq_len - 1."""
    rate = uniform(n, -FASTEST_RATE, FASTEST_RATE, generator)
    initial = uniform(n, -1.0, 1.0, generator)
    return (rate * torch.arange(seq_len, dtype=torch.float32)).exp_().mul_(initial)


def exponential_grid(seq_len: int, step: float, bins: int) -> Nodes:
    """exp(rate * t) for rates that are dense enough for `Templates`."""
    t = torch.arange(seq_len).double()

    def template(rate: Tensor) -> Tensor:
        return (rate[:, None] * t).exp_()

    rates = spread(template, -FASTEST_RATE, FASTEST_RATE, step, bins)
    return rates._replace(value=template(rates.value))


FAMILIES = {
    family.name: family
    for family in (
        Family(
            "sinusoid",
            sinusoid,
            likelihood=Oscillation(torch.zeros, sinusoid_times, FREQUENCIES, AMPLITUDES),
        ),
        Family("cubic", cubic, likelihood=GaussianPolynomial(COEFFICIENTS, end=2.0)),
        Family("steps", steps, likelihood=Levels(even_segments, MOST_STEPS, LARGEST_LEVEL)),
        Family(
            "exponential",
            exponential,
            longest=LONGEST_EXPONENTIAL,
            likelihood=Templates(exponential_grid, (-1.0, 1.0)),
        ),
        Family(
            "source_steps",
            source_steps,
            noise_scale=0.3,
            likelihood=Levels(source_segments, MOST_STEPS, LARGEST_LEVEL),
        ),
    )
}

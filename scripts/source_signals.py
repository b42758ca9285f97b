"""The source study's way of making its data, restated: one sample at a time, in NumPy.

It is the baseline of the benchmark and nothing else uses it. The draws per sample are the
source's, in the source's order.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import RandomState

Array = np.ndarray


def sinusoid(seq_len: int, noise: float, random: RandomState) -> Array:
    """One noisy sinusoid, (seq_len,)."""
    freq = random.uniform(1.0, 4.0)
    phase = random.uniform(0, 2 * np.pi)
    amp = random.uniform(0.5, 1.5)
    t = np.linspace(0, 6 * np.pi, seq_len)
    return amp * np.sin(freq * t + phase) + random.randn(seq_len) * noise


def cubic(seq_len: int, noise: float, random: RandomState) -> Array:
    """One noisy cubic, (seq_len,)."""
    coefficients = random.randn(4) * [0.1, 0.3, 0.5, 0.2]
    t = np.linspace(-2, 2, seq_len)
    return np.polyval(coefficients, t) + random.randn(seq_len) * noise


def source_steps(seq_len: int, noise: float, random: RandomState) -> Array:
    """One step function with a tail of zeros and 0.3 times the noise, (seq_len,)."""
    count = random.randint(3, 7)
    width = seq_len // count
    values = np.zeros(seq_len)
    for step in range(count):
        stop = min((step + 1) * width, seq_len)
        values[step * width : stop] = random.uniform(-1.5, 1.5)
    return values + random.randn(seq_len) * noise * 0.3


def exponential(seq_len: int, noise: float, random: RandomState) -> Array:
    """One noisy exponential, (seq_len,)."""
    rate = random.uniform(-0.15, 0.15)
    initial = random.uniform(-1, 1)
    t = np.linspace(0, seq_len - 1, seq_len)
    return initial * np.exp(rate * t) + random.randn(seq_len) * noise


ONE_SAMPLE: dict[str, Callable[[int, float, RandomState], Array]] = {
    "sinusoid": sinusoid,
    "cubic": cubic,
    "source_steps": source_steps,
    "exponential": exponential,
}


def source_signals(n: int, seq_len: int, noise: float, random: RandomState) -> tuple[Array, Array]:
    """n // 4 samples of each family: features (n, seq_len) float32 and classes (n,) int64."""
    features, classes = [], []
    for label, one_sample in enumerate(ONE_SAMPLE.values()):
        for _ in range(n // len(ONE_SAMPLE)):
            features.append(one_sample(seq_len, noise, random))
            classes.append(label)
    x, y = np.array(features, dtype=np.float32), np.array(classes, dtype=np.int64)
    order = np.arange(len(x))
    random.shuffle(order)
    return x[order], y[order]

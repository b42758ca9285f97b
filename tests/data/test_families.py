import math

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp
from torch import Generator

from triptych.data.families import FAMILIES, LONGEST_EXPONENTIAL

N = 4000
RESTATED_N = 2000


def generator(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def signals(name: str, n: int = N, seq_len: int = 32) -> np.ndarray:
    return FAMILIES[name].signal(n, seq_len, generator()).double().numpy()


def one_sinusoid(random, t_count):
    freq, phase, amp = random.uniform(1, 4), random.uniform(0, 2 * np.pi), random.uniform(0.5, 1.5)
    return amp * np.sin(freq * np.linspace(0, 6 * np.pi, t_count) + phase)


def one_cubic(random, t_count):
    weights = random.standard_normal(4) * np.array([0.1, 0.3, 0.5, 0.2])
    return np.polyval(weights, np.linspace(-2, 2, t_count))


def one_source_steps(random, t_count):
    pieces = random.integers(3, 7)
    width = t_count // pieces
    levels = np.repeat(random.uniform(-1.5, 1.5, pieces), width)
    return np.pad(levels, (0, t_count - len(levels)))


def one_exponential(random, t_count):
    rate, initial = random.uniform(-0.15, 0.15), random.uniform(-1, 1)
    return initial * np.exp(rate * np.arange(t_count))


RESTATED = {
    "sinusoid": one_sinusoid,
    "cubic": one_cubic,
    "source_steps": one_source_steps,
    "exponential": one_exponential,
}
STATISTICS = {
    "first value": lambda x: x[:, 0],
    "middle value": lambda x: x[:, x.shape[1] // 2],
    "last value": lambda x: x[:, -1],
    "maximum": lambda x: x.max(1),
    "minimum": lambda x: x.min(1),
    "standard deviation": lambda x: x.std(1),
    "roughness": lambda x: np.abs(np.diff(x, axis=1)).mean(1),
    "changes of sign": lambda x: (np.diff(np.sign(x), axis=1) != 0).sum(1),
    "jumps": lambda x: (np.diff(x, axis=1) != 0).sum(1),
}


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("name", RESTATED)
def test_signals_are_distributed_as_one_at_a_time_in_the_source(name, statistic):
    random = np.random.default_rng(1)
    one_by_one = np.stack([RESTATED[name](random, 32) for _ in range(RESTATED_N)])
    measure = STATISTICS[statistic]
    # 36 fixed comparisons: at 1e-3 chance alone would fail one of them in 28 sets of seeds
    assert ks_2samp(measure(signals(name)), measure(one_by_one)).pvalue > 1e-3


def test_a_sinusoid_has_its_frequency_phase_and_amplitude_in_range():
    x = signals("sinusoid", n=400, seq_len=601)
    amplitude = np.abs(x).max(1)
    half_turns = (np.diff(np.sign(x), axis=1) != 0).sum(1)
    # freq U(1, 4) over 6 pi is 3 to 12 turns, each with two changes of sign
    assert 0.5 * 0.99 < amplitude.min() < 0.52
    assert 1.48 < amplitude.max() <= 1.5
    assert half_turns.min() in (5, 6, 7)
    assert half_turns.max() in (23, 24, 25)


def test_the_coefficients_of_the_cubic_have_the_stated_spread_highest_power_first():
    coefficients = np.polyfit(np.linspace(-2, 2, 32), signals("cubic", n=20_000).T, 3)
    assert coefficients.std(1) == pytest.approx([0.1, 0.3, 0.5, 0.2], rel=0.02)
    assert coefficients.mean(1) == pytest.approx([0, 0, 0, 0], abs=0.015)


def test_the_rate_and_start_of_the_exponential_are_uniform_in_their_ranges():
    x = signals("exponential", n=20_000)
    rate = np.log(x[:, 1] / x[:, 0])
    # U(-a, a) has variance a^2 / 3
    assert rate.std() == pytest.approx(0.15 / math.sqrt(3), rel=0.02)
    assert x[:, 0].std() == pytest.approx(1 / math.sqrt(3), rel=0.02)
    assert np.abs(rate).max() <= 0.15 + 1e-5


@pytest.mark.parametrize(("seq_len", "tails"), [(32, {0, 2}), (8, {0, 2, 3}), (60, {0})])
def test_source_steps_leave_what_whole_steps_do_not_fill_at_zero(seq_len, tails):
    # tails of 32: 32 mod (3, 4, 5, 6) = 2, 0, 2, 2; of 8: 2, 0, 3, 2
    x = signals("source_steps", n=500, seq_len=seq_len)
    zeros_at_the_end = [int(np.argmax(row[::-1] != 0)) for row in x]
    assert set(zeros_at_the_end) == tails


@pytest.mark.parametrize("seq_len", [8, 9, 31, 32, 100])
def test_steps_fill_the_whole_window_with_three_to_six_even_levels(seq_len):
    x = signals("steps", n=500, seq_len=seq_len)
    levels = [np.unique(row, return_counts=True)[1] for row in x]
    assert (x != 0).all()
    assert {len(counts) for counts in levels} == {3, 4, 5, 6}
    assert max(counts.max() - counts.min() for counts in levels) <= 1


def test_the_numbers_of_steps_are_equally_likely_and_levels_uniform():
    x = signals("steps", n=20_000)
    jumps = (np.diff(x, axis=1) != 0).sum(1)
    assert np.bincount(jumps)[2:] / len(x) == pytest.approx([0.25] * 4, abs=0.012)
    assert x[:, 0].std() == pytest.approx(1.5 / math.sqrt(3), rel=0.02)
    assert np.abs(x).max() <= 1.5


def test_only_the_steps_of_the_source_have_a_noise_of_their_own():
    scales = {name: family.noise_scale for name, family in FAMILIES.items()}
    assert scales.pop("source_steps") == 0.3
    assert set(scales.values()) == {1.0}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("n", [0, 1, 7])
@pytest.mark.parametrize("seq_len", [8, 33])
def test_a_signal_has_the_asked_shape_and_is_a_function_of_its_generator(name, n, seq_len):
    signal = FAMILIES[name].signal
    x = signal(n, seq_len, generator(5))
    assert x.shape == (n, seq_len)
    assert x.dtype == torch.float32
    assert torch.equal(x, signal(n, seq_len, generator(5)))
    if n:
        assert not torch.equal(x, signal(n, seq_len, generator(6)))


def test_the_longest_exponential_is_finite_and_the_next_could_overflow():
    rate = 0.15
    assert math.isfinite(np.exp(np.float32(rate * (LONGEST_EXPONENTIAL - 1))))
    with np.errstate(over="ignore"):
        assert np.isinf(np.exp(np.float32(rate * LONGEST_EXPONENTIAL)))

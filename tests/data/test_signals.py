import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator

from triptych.data.families import FAMILIES, Family
from triptych.data.signals import make_signals, shares

REPAIRED = [FAMILIES[name] for name in ("sinusoid", "cubic", "steps", "exponential")]
ZERO = Family("zero", lambda n, seq_len, _: torch.zeros(n, seq_len))
QUIET_TEN = Family("ten", lambda n, seq_len, _: torch.full((n, seq_len), 10.0), noise_scale=0.3)


def make(n=400, families=REPAIRED, seq_len=32, noise=0.08, seed=0):
    return make_signals(n, families, seq_len, noise, Generator().manual_seed(seed))


@given(st.integers(0, 1000), st.integers(1, 20))
def test_shares_add_up_and_differ_by_one_at_most(n, parts):
    counts = shares(n, parts)
    assert sum(counts) == n
    assert len(counts) == parts
    assert max(counts) - min(counts) <= 1


def test_ten_samples_of_four_families_are_3_3_2_2():
    assert make(n=10).y.bincount().tolist() == [3, 3, 2, 2]


def test_the_label_of_a_row_says_which_family_made_it():
    samples = make(families=[ZERO, QUIET_TEN], noise=0.1)
    assert torch.equal((samples.x.mean(1) > 5).long(), samples.y)
    assert torch.equal(samples.y, samples.family)
    assert samples.y.dtype == samples.family.dtype == torch.int64


def test_noise_is_gaussian_with_the_given_deviation_times_the_scale_of_the_family():
    samples = make(n=4000, families=[ZERO, QUIET_TEN], noise=0.5)
    plain, quiet = (samples.x[samples.y == k] for k in (0, 1))
    assert plain.std().item() == pytest.approx(0.5, rel=0.02)
    assert (quiet - 10).std().item() == pytest.approx(0.15, rel=0.02)
    # P(|z| < 1) of a normal
    assert (plain.abs() < 0.5).float().mean().item() == pytest.approx(0.6827, abs=0.01)


def test_without_noise_the_signals_are_bare():
    samples = make(families=[ZERO, QUIET_TEN], noise=0.0)
    assert set(samples.x.unique().tolist()) == {0.0, 10.0}


def test_rows_are_shuffled():
    y = make(n=400).y
    # of 399 neighbours 3 in 4 differ: 299 +- 9
    assert 255 < (y.diff() != 0).sum() < 345


def test_no_single_roughness_tells_repaired_steps_from_the_rest():
    def best_split(families):
        samples = make(n=4000, families=families)
        roughness = samples.x.diff(dim=1).abs().median(1).values
        steps = samples.y[roughness.argsort()] == 2
        # accuracy of "roughness below a threshold means steps", for every threshold
        correct = torch.cat([torch.zeros(1), steps.float().cumsum(0)])
        wrong = torch.cat([torch.zeros(1), (~steps).float().cumsum(0)])
        return ((correct + (~steps).sum() - wrong) / len(steps)).max().item()

    source = [FAMILIES["source_steps"] if f.name == "steps" else f for f in REPAIRED]
    assert best_split(source) > 0.98
    assert best_split(REPAIRED) < 0.90


def test_the_same_seed_is_equal_to_the_bit_and_another_is_not():
    assert torch.equal(make(seed=3).x, make(seed=3).x)
    assert not torch.equal(make(seed=3).x, make(seed=4).x)


def test_a_fresh_process_makes_the_same_bits():
    code = (
        "import hashlib; from triptych.data import MultimodalData;"
        "s = MultimodalData(seed=7, n_train=500).splits;"
        "print(hashlib.sha256(b''.join(t.numpy().tobytes() for p in s for t in p)).hexdigest())"
    )
    digests = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert digests[0] == digests[1]
    assert len(digests[0].strip()) == 64


def test_no_global_random_state_is_read_or_touched():
    torch.manual_seed(0)
    first = make()
    torch.manual_seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    second = make()
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert before[2] == random.getstate()
    assert torch.equal(first.x, second.x)

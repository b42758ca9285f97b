import dataclasses
import math

import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import Generator

from triptych.data import MultimodalData, Unscaled, multimodal
from triptych.data.bayes import bayes_ceiling
from triptych.data.families import FAMILIES
from triptych.data.signals import make_signals

REPAIRED = ("sinusoid", "cubic", "steps", "exponential")
SOURCE = ("sinusoid", "cubic", "source_steps", "exponential")


def drawn(n, names, seq_len, noise, seed=0):
    families = [FAMILIES[name] for name in names]
    return make_signals(n, families, seq_len, noise, Generator().manual_seed(seed))


def joint(x, names, noise):
    return torch.cat([FAMILIES[k].likelihood(x, noise * FAMILIES[k].noise_scale) for k in names], 1)


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(multimodal, "SAMPLES", 2000)


def test_two_normal_laws_are_told_apart_as_often_as_their_overlap_says():
    y = torch.arange(20_000) % 2
    x = 2.0 * y - 1 + torch.randn(20_000, generator=Generator().manual_seed(0))
    found = bayes_ceiling(torch.stack([-0.5 * (x + 1) ** 2, -0.5 * (x - 1) ** 2], 1).double())
    exact = 0.5 * (1 + math.erf(1 / math.sqrt(2)))
    assert found.accuracy == pytest.approx(exact, abs=4 * found.standard_error)
    # the posterior is between 1/2 and 1, so it varies less than right and wrong do
    assert 0.0005 < found.standard_error < math.sqrt(exact * (1 - exact) / 20_000)
    assert found.samples == 20_000


@pytest.mark.parametrize(
    ("names", "seq_len", "noise", "n"),
    [
        (REPAIRED, 32, 0.08, 1500),
        (SOURCE, 32, 0.08, 1500),
        (REPAIRED, 8, 0.5, 1000),
        (REPAIRED, 16, 0.2, 500),
        (REPAIRED, 128, 0.3, 500),  # with exponentials that float32 rounds by more than the noise
        (("exponential", "cubic"), 592, 0.5, 100),
        (("steps", "source_steps"), 33, 1.0, 1500),
        (REPAIRED, 32, 10.0, 1500),
    ],
)
def test_the_classifier_is_right_as_often_as_its_posterior_says(names, seq_len, noise, n):
    x, y, _ = drawn(n, names, seq_len, noise)
    logs = joint(x, names, noise)
    found = bayes_ceiling(logs)
    right = (logs.argmax(1) == y).double().mean().item()
    spread = math.sqrt(found.accuracy * (1 - found.accuracy) / len(y))
    assert right == pytest.approx(found.accuracy, abs=3.5 * spread + 1e-3)


def test_the_signals_of_the_source_have_the_ceiling_that_was_found_before(few):
    # 99.78 +- 0.03 %, in an independent computation
    found = MultimodalData(0, families=SOURCE).ceiling()
    error = math.hypot(0.0003, found.standard_error)
    assert found.standard_error < 0.001
    assert found.accuracy == pytest.approx(0.9978, abs=3 * error)


def test_another_classifier_stays_below_it(few):
    settings = {"seq_len": 8, "noise": 0.3}
    x, y, _ = drawn(6000, REPAIRED, **settings, seed=1)
    fresh = drawn(4000, REPAIRED, **settings, seed=2)
    other = KNeighborsClassifier(25).fit(x.numpy(), y.numpy())
    accuracy = other.score(fresh.x.numpy(), fresh.y.numpy())
    found = MultimodalData(0, **settings).ceiling()
    assert 0.6 < accuracy < found.accuracy - 3 * found.standard_error < 0.9


def test_more_noise_lowers_it_and_scaling_does_not_change_it(monkeypatch):
    monkeypatch.setattr(multimodal, "SAMPLES", 300)
    short = {"seq_len": 8, "families": ["sinusoid", "steps"]}
    quiet, loud = (MultimodalData(0, noise=noise, **short).ceiling() for noise in (0.05, 0.5))
    assert quiet.accuracy - loud.accuracy > 0.05
    unscaled = MultimodalData(0, noise=0.5, **short, scaling=Unscaled()).ceiling()
    assert unscaled == loud


def test_where_it_cannot_be_computed_there_is_none(monkeypatch):
    assert MultimodalData(0, noise=0.0).ceiling() is None
    assert MultimodalData(0, families=["steps", "cubic"], seq_len=5000).ceiling() is None
    # too many frequencies
    long = {"families": ["sinusoid", "cubic"], "seq_len": 4000, "noise": 0.01}
    monkeypatch.setattr(multimodal, "SAMPLES", 4)
    assert MultimodalData(0, **long).ceiling() is None
    unknown = dataclasses.replace(FAMILIES["cubic"], likelihood=None)
    monkeypatch.setitem(FAMILIES, "cubic", unknown)
    assert MultimodalData(0).ceiling() is None

import math
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from triptych.data import AttributesData, Unscaled, attributes
from triptych.errors import InvalidSetting

CONF = Path(__file__).parents[2] / "conf" / "data"
NAMES = ["sine", "cubic", "step", "decay", "chirp", "bump", "square", "saw"]
SMALL = {"n_train": 800, "n_val": 80, "n_test": 400}


def raw(seed=0, **settings):
    return AttributesData(seed, **{**SMALL, "scaling": Unscaled(), **settings})


def test_sizes_and_names_are_known_without_making_data():
    data = AttributesData(0, n_train=10_000_000, num_families=3, label_bins=8, seq_len=64)
    assert data.in_dim == 64
    assert data.classes == list("01234567")
    assert data.families == NAMES[:3]


def test_splits_have_their_sizes_and_families_their_shares():
    splits = raw(n_train=803).splits
    assert [tuple(part.x.shape) for part in splits] == [(803, 32), (80, 32), (400, 32)]
    assert splits.train.family.bincount().tolist() == [101, 101, 101, 100, 100, 100, 100, 100]


@pytest.mark.parametrize("bins", [2, 3, 4, 8])
def test_every_family_has_every_class_equally_often(bins):
    _, y, family = raw(n_train=16_000, label_bins=bins).splits.train
    for number in range(len(NAMES)):
        share = y[family == number].bincount(minlength=bins) / 2000
        assert share.tolist() == pytest.approx([1 / bins] * bins, abs=0.04)


def test_the_class_is_the_bin_of_the_attribute_renumbered_for_each_family():
    data = raw(noise=0.0, seq_len=401)
    x, y, family = data.splits.train
    t = torch.linspace(0, 1, 401)
    steps, decays = x[family == 2], x[family == 3]
    # a jump U(.1, .9) between two times; a rate U(.5, 6) from the ends
    jump = t[(steps != 0).int().argmax(1)]
    rate = (decays[:, 0] / decays[:, -1]).log()
    for number, quantile in ((2, (jump - 0.1) / 0.8), (3, (rate - 0.5) / 5.5)):
        sure = ((quantile * 4) % 1 - 0.5).abs() < 0.48
        found = data.labels[number][(quantile * 4).long().clamp(0, 3)]
        assert torch.equal(found[sure], y[family == number][sure])


def test_signals_lie_in_their_ranges():
    x, _, family = raw(n_train=8000, noise=0.0, seq_len=257).splits.train
    largest = [x[family == number].abs().max().item() for number in range(8)]
    assert largest == pytest.approx([1.5, 4.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5], rel=0.07)
    turns = [(x[family == number].sign().diff(dim=1) != 0).sum(1) / 2 for number in (0, 6)]
    # frequencies U(1, 6) and U(1, 5): so many turns, to half a turn
    assert [part.mean().item() for part in turns] == pytest.approx([3.5, 3.0], abs=0.15)
    assert [part.max().item() for part in turns] == pytest.approx([6, 5], abs=0.5)


def test_permutations_depend_on_the_seed_and_not_on_the_number_of_families():
    all_of_them = raw(label_bins=8).labels
    assert all(sorted(row) == list(range(8)) for row in all_of_them.tolist())
    assert len({tuple(row) for row in all_of_them.tolist()}) == 8
    assert torch.equal(raw(label_bins=8, num_families=3).labels, all_of_them[:3])
    assert not torch.equal(raw(1, label_bins=8).labels, all_of_them)


def test_noise_is_the_same_for_all_families():
    quiet, loud = (raw(n_train=8000, noise=noise).splits.train for noise in (0.0, 0.5))
    assert torch.equal(quiet.y, loud.y)
    noise = loud.x - quiet.x
    for number in range(8):
        assert noise[quiet.family == number].std().item() == pytest.approx(0.5, rel=0.02)


def test_splits_are_independent_draws_and_scaled_by_the_first():
    same = {"n_train": 400, "n_val": 400, "n_test": 400}
    parts = raw(**same).splits
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert not torch.isin(parts[a].x, parts[b].x).all(1).any()
    scaled = AttributesData(0, **same).splits
    mean, deviation = parts.train.x.mean(0), parts.train.x.std(0, correction=0)
    torch.testing.assert_close(scaled.val.x, (parts.val.x - mean) / deviation, rtol=1e-4, atol=1e-4)
    assert not torch.equal(raw(1, **same).splits.test.x, parts.test.x)


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ({"num_families": 0}, "data.num_families=0 must be in [1, 8]"),
        ({"num_families": 9}, "data.num_families=9 must be in [1, 8]"),
        ({"label_bins": 1}, "data.label_bins=1 must be in [2, 64]"),
        ({"seq_len": 7}, "data.seq_len=7 must be in [8, 1048576]"),
        ({"n_val": 7}, "data.n_val=7 must be at least 8, one for each family"),
        ({"noise": float("inf")}, "data.noise=inf must be a finite number, 0 or more"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(setting, line):
    with pytest.raises(InvalidSetting) as caught:
        AttributesData(0, **setting)
    assert str(caught.value) == line


def test_the_configuration_is_all_eight_families_and_standardised():
    root = OmegaConf.create({"seed": 3, "data": OmegaConf.load(CONF / "attributes.yaml")})
    data = instantiate(root.data, n_train=800)
    assert data.families == NAMES
    assert data.classes == list("0123")
    assert data.splits.train.x.std(0, correction=0).tolist() == pytest.approx([1] * 32, rel=1e-4)


@pytest.mark.parametrize(
    ("settings", "n", "low", "high"),
    [
        ({}, 600, 0.94, 0.98),
        ({"num_families": 1}, 600, 0.985, 1.0),
        ({"noise": 0.6, "seq_len": 16, "label_bins": 8}, 600, 0.2, 0.5),
    ],
)
def test_the_ceiling_is_what_the_bayes_classifier_reaches(monkeypatch, settings, n, low, high):
    """Its posterior is as good as it says, so 0.94 to 0.98 is right and not only plausible."""
    monkeypatch.setattr(attributes, "SAMPLES", n)
    seen = []
    measured = attributes.bayes_ceiling
    monkeypatch.setattr(
        attributes, "bayes_ceiling", lambda joint: seen.append(joint) or measured(joint)
    )
    data = raw(**settings)
    found = data.ceiling()
    assert low < found.accuracy < high
    assert found.samples == n
    y = data.draw(n, data.stream("data", "ceiling")).y
    right = (seen[0].argmax(1) == y).double().mean().item()
    assert right == pytest.approx(
        found.accuracy, abs=3.5 * math.sqrt(found.accuracy * (1 - found.accuracy) / n)
    )


def test_where_the_ceiling_cannot_be_computed_there_is_none(monkeypatch):
    monkeypatch.setattr(attributes, "SAMPLES", 8)
    assert raw(noise=0.0).ceiling() is None
    assert raw(noise=0.01, seq_len=1000).ceiling() is None

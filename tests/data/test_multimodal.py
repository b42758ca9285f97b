import time
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from triptych.data import MultimodalData, Standardize, Unscaled
from triptych.data.families import LONGEST_EXPONENTIAL
from triptych.errors import InvalidSetting

CONF = Path(__file__).parents[2] / "conf" / "data"


def composed(name, seed=3):
    root = OmegaConf.create({"seed": seed, "data": OmegaConf.load(CONF / f"{name}.yaml")})
    return instantiate(root.data)


def test_sizes_and_names_are_known_without_making_data():
    start = time.perf_counter()
    data = MultimodalData(0, n_train=10_000_000, seq_len=64, families=["cubic", "steps"])
    assert time.perf_counter() - start < 0.1
    assert data.in_dim == 64
    assert data.classes == data.families == ["cubic", "steps"]


def test_splits_have_their_sizes_for_any_remainder():
    data = MultimodalData(0, n_train=103, n_val=50, n_test=61, seq_len=16)
    assert [tuple(part.x.shape) for part in data.splits] == [(103, 16), (50, 16), (61, 16)]
    assert data.splits.train.y.bincount().tolist() == [26, 26, 26, 25]


def test_scaling_is_fitted_on_the_training_split_alone():
    scaled = MultimodalData(0, scaling=Standardize()).splits
    raw = MultimodalData(0, scaling=Unscaled()).splits
    mean, deviation = raw.train.x.mean(0), raw.train.x.std(0, correction=0)
    for part, before in zip(scaled, raw, strict=True):
        torch.testing.assert_close(part.x, (before.x - mean) / deviation, rtol=1e-4, atol=1e-4)
    assert scaled.val.x.mean(0).abs().max() > 0.01


def test_a_test_split_is_the_same_whatever_the_size_of_the_others():
    small = MultimodalData(0, n_train=40, n_val=40, scaling=Unscaled()).splits.test
    large = MultimodalData(0, n_train=80, n_val=60, scaling=Unscaled()).splits.test
    assert torch.equal(small.x, large.x)


def test_train_validation_and_test_are_independent_draws():
    same_size = {"n_train": 400, "n_val": 400, "n_test": 400}
    train, val, test = MultimodalData(0, **same_size, scaling=Unscaled()).splits
    for a, b in ((train, val), (train, test), (val, test)):
        # equal streams would give equal rows, or the same labels in the same places
        assert not torch.isin(a.x, b.x).all(1).any()
        assert (a.y == b.y).float().mean() < 0.35


def test_another_seed_is_another_draw_and_the_same_seed_the_same():
    first, again, other = (MultimodalData(seed).splits.train for seed in (0, 0, 1))
    assert torch.equal(first.x, again.x)
    assert torch.equal(first.y, again.y)
    assert not torch.equal(first.x, other.x)


def test_the_order_of_names_numbers_the_classes():
    data = MultimodalData(0, families=["steps", "sinusoid"], noise=0.0, scaling=Unscaled())
    x, y, _ = data.splits.train
    jumps = (x.diff(dim=1) != 0).sum(1)
    assert torch.equal(jumps > 5, y == 1)


def test_the_longest_signals_stay_finite():
    data = MultimodalData(0, n_train=400, n_val=4, n_test=4, seq_len=LONGEST_EXPONENTIAL)
    assert data.splits.train.x.isfinite().all()


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ({"n_train": 3}, "data.n_train=3 must be at least 4, one for each family"),
        ({"n_val": 0}, "data.n_val=0 must be at least 4, one for each family"),
        ({"n_test": -1}, "data.n_test=-1 must be at least 4, one for each family"),
        (
            {"seq_len": 7},
            "data.seq_len=7 must be in [8, 592], the upper end for 'exponential'",
        ),
        (
            {"seq_len": 593},
            "data.seq_len=593 must be in [8, 592], the upper end for 'exponential'",
        ),
        ({"noise": -0.1}, "data.noise=-0.1 must be a finite number, 0 or more"),
        ({"noise": float("nan")}, "data.noise=nan must be a finite number, 0 or more"),
        ({"batch_size": 0}, "data.batch_size=0 must be at least 1"),
        (
            {"families": ["sinusiod", "cubic"]},
            "data.families has no 'sinusiod': did you mean 'sinusoid'? "
            "Known are sinusoid, cubic, steps, exponential, source_steps",
        ),
        (
            {"families": ["cubic"]},
            "data.families=['cubic'] must name two or more different families",
        ),
        (
            {"families": ["cubic", "cubic"]},
            "data.families=['cubic', 'cubic'] must name two or more different families",
        ),
    ],
)
def test_a_wrong_setting_is_one_clear_line(setting, line):
    with pytest.raises(InvalidSetting) as caught:
        MultimodalData(0, **setting)
    assert str(caught.value) == line


def test_the_default_configuration_is_the_repaired_and_standardised_task():
    data = composed("multimodal")
    assert data.seed == 3
    assert data.classes == ["sinusoid", "cubic", "steps", "exponential"]
    assert [len(part.y) for part in data.splits] == [8000, 2000, 10000]
    assert data.splits.train.x.std(0, correction=0).tolist() == pytest.approx([1] * 32, rel=1e-4)


def test_the_source_configuration_keeps_the_faults_of_the_source():
    data = composed("multimodal_source")
    assert data.classes == ["sinusoid", "cubic", "source_steps", "exponential"]
    x, y, _ = data.splits.train
    assert x.abs().max() > 30
    tails = x[y == 2][:, -2:]
    # steps of 3, 5 and 6 leave two points of 32 at zero, under noise of 0.3 * 0.08
    assert (tails.abs() < 0.1).all(1).float().mean().item() == pytest.approx(
        0.75 + 0.25 * 1 / 15, abs=0.03
    )

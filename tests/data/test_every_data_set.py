"""What holds for every option of `data=` that draws its samples. A new file in conf/data is covered
by being there."""

import random
from typing import Any

import numpy as np
import pytest
import torch

from triptych.data import ClassificationData, attributes, multimodal
from triptych.errors import InvalidSetting
from triptych.run.build import build_data

from ..composed import CONF, composed

OPTIONS = sorted({file.stem for file in (CONF / "data").glob("*.yaml")} - {"memmap"})
Option = dict[str, Any]
SIZES = {"n_train": 320, "n_val": 310, "n_test": 300}


def data(option: Option, **settings: object) -> ClassificationData:
    return build_data({"data": {**option, **SIZES, **settings}})


@pytest.fixture(scope="module", params=OPTIONS)
def option(request: pytest.FixtureRequest) -> Option:
    return composed(f"data={request.param}")["data"]


def test_samples_are_what_the_data_set_says_before_it_makes_them(option: Option) -> None:
    made = data(option)
    dim, classes, families = made.in_dim, len(made.classes), len(made.families)
    for (x, y, family), n in zip(made.splits, SIZES.values(), strict=True):
        assert x.shape == (n, dim)
        assert (x.dtype, y.dtype, family.dtype) == (torch.float32, torch.int64, torch.int64)
        assert x.isfinite().all()
        assert set(y.tolist()) == set(range(classes))
        assert set(family.tolist()) == set(range(families))


def test_a_seed_says_everything_and_no_global_random_state_is_read_or_touched(
    option: Option,
) -> None:
    torch.manual_seed(0)
    first = data(option).splits
    torch.manual_seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    again, other = data(option).splits, data(option, seed=1).splits
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert before[2] == random.getstate()
    for one, same, another in zip(first, again, other, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
        assert not torch.isclose(one.x, another.x).all(1).any()


def test_train_validation_and_test_are_independent_draws(option: Option) -> None:
    """Equal streams would give equal rows, or equal families in equal places."""
    splits = data(option, n_train=300, n_val=300, n_test=300).splits
    for a, b in ((0, 1), (0, 2), (1, 2)):
        one, other = splits[a], splits[b]
        assert not torch.isclose(one.x, other.x, atol=1e-4).all(1).any()
        chance = one.y.bincount().double().dot(other.y.bincount().double()) / 300**2
        # 300 pairs: 0.15 is 5 standard deviations
        assert (one.y == other.y).double().mean().item() == pytest.approx(chance.item(), abs=0.15)


def test_what_is_known_of_the_best_accuracy_is_between_chance_and_1(
    option: Option, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (attributes, multimodal):
        monkeypatch.setattr(module, "SAMPLES", 300)
    made = data(option)
    ceiling = made.ceiling()
    if ceiling is not None:
        assert 1 / len(made.classes) < ceiling.accuracy <= 1
        assert 0 <= ceiling.standard_error < 0.02


@pytest.mark.parametrize("split", SIZES)
def test_a_split_without_samples_is_refused_by_its_key(option: Option, split: str) -> None:
    with pytest.raises(InvalidSetting, match=rf"^data\.{split}=0 must be at least \d+, one for"):
        data(option, **{split: 0})

import pytest
import torch

from triptych.data import TwoFeaturesData
from triptych.errors import InvalidSetting


def test_families_are_the_quadrants_by_name():
    data = TwoFeaturesData(0)
    x, _, family = data.splits.train
    assert x.abs().max() <= 1
    for name, right, upper in [
        ("lower_left", False, False),
        ("upper_left", False, True),
        ("lower_right", True, False),
        ("upper_right", True, True),
    ]:
        inside = (x[:, 0].gt(0) == right) & (x[:, 1].gt(0) == upper)
        assert torch.equal(inside, family == data.families.index(name))


def test_a_line_through_the_middle_of_each_quadrant_divides_the_classes():
    data = TwoFeaturesData(0, n_train=20_000)
    x, y, family = data.splits.train
    for k, middle in enumerate(([-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5])):
        place, label = x[family == k] - torch.tensor(middle), y[family == k].bool()
        along = place @ data.task.normals[k]
        assert along[label].min() > 0 >= along[~label].max()
        assert label.double().mean().item() == pytest.approx(0.5, abs=0.03)


def test_the_ceiling_is_reached_by_the_rule_itself():
    data = TwoFeaturesData(0, label_noise=0.2, n_test=20_000)
    assert data.ceiling() == (0.8, 0.0, 0)
    x, y, _ = data.splits.test
    right = (data.task.above(x).long() == y).double().mean().item()
    assert right == pytest.approx(0.8, abs=0.012)


def test_another_seed_is_another_task():
    one, other = (TwoFeaturesData(seed).task.normals for seed in (0, 1))
    assert not torch.isclose(one, other).any()


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ({"label_noise": 0.5}, "data.label_noise=0.5 must be in [0, 0.5)"),
        ({"n_train": 3}, "data.n_train=3 must be at least 4, one for each quadrant"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(setting, line):
    with pytest.raises(InvalidSetting) as caught:
        TwoFeaturesData(0, **setting)
    assert str(caught.value) == line

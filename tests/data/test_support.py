import pytest
import torch

from triptych.data import SupportData
from triptych.errors import InvalidSetting


def samples(n=4000, **settings):
    data = SupportData(0, **settings)
    return data, data.task.draw(n, torch.Generator().manual_seed(1))


def test_only_the_relevant_features_decide():
    data, (x, y, _) = samples()
    relevant = data.task.relevant
    assert len(set(relevant.tolist())) == 8
    elsewhere = torch.ones(256, dtype=torch.bool).index_fill_(0, relevant, False)
    mixed = x.clone()
    mixed[:, elsewhere] = x[torch.randperm(len(x))][:, elsewhere]
    assert torch.equal(data.task.above(mixed).long(), y)
    for feature in relevant:
        changed = x.clone()
        changed[:, feature] += 2
        assert (data.task.above(changed).long() != y).double().mean() > 0.01


def test_features_are_standard_normal_and_classes_balanced():
    _, (x, y, family) = samples(20_000)
    assert x.mean().item() == pytest.approx(0, abs=0.01)
    assert x.std().item() == pytest.approx(1, abs=0.01)
    assert y.double().mean().item() == pytest.approx(0.5, abs=0.02)
    assert family.unique().tolist() == [0]


def test_the_ceiling_is_reached_by_the_rule_itself():
    data, (x, y, _) = samples(20_000, label_noise=0.2)
    assert data.ceiling() == (0.8, 0.0, 0)
    right = (data.task.above(x).long() == y).double().mean().item()
    assert right == pytest.approx(0.8, abs=0.012)


def test_another_seed_is_another_task():
    one, other = (SupportData(seed).task for seed in (0, 1))
    assert set(one.relevant.tolist()) != set(other.relevant.tolist())


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ({"d_in": 0}, "data.d_in=0 must be at least 1"),
        ({"relevant": 257}, "data.relevant=257 must be in [1, d_in=256]"),
        ({"relevant": 0}, "data.relevant=0 must be in [1, d_in=256]"),
        ({"teacher_units": 0}, "data.teacher_units=0 must be at least 1"),
        ({"label_noise": 0.5}, "data.label_noise=0.5 must be in [0, 0.5)"),
        ({"n_train": 1}, "data.n_train=1 must be at least 2, one for each class"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(setting, line):
    with pytest.raises(InvalidSetting) as caught:
        SupportData(0, **setting)
    assert str(caught.value) == line

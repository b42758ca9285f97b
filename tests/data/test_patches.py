import pytest
import torch

from triptych.data import PatchesData
from triptych.errors import InvalidSetting


def samples(n=4000, **settings):
    data = PatchesData(0, **settings)
    x, y, cluster = data.task.draw(n, torch.Generator().manual_seed(1))
    return data.task, x.unflatten(1, (4, -1)), y, cluster


def test_the_rule_of_the_theorem_is_always_right_and_so_is_the_ceiling():
    """The patch along a centre names the cluster; the one along its signal has the class's sign."""
    data = PatchesData(0)
    task, patches, y, cluster = samples()
    direction = torch.nn.functional.normalize(patches, dim=2)
    named = (direction @ task.centres.T).amax(dim=1).argmax(dim=1)
    assert torch.equal(named, cluster)
    cosine = (direction @ task.signals.T)[torch.arange(len(y)), :, named]
    nearest = cosine.gather(1, cosine.abs().argmax(dim=1, keepdim=True))[:, 0]
    assert torch.equal(nearest.gt(0).long(), y)
    assert data.ceiling() == (1.0, 0.0, 0)


def test_a_sample_is_signal_centre_noise_and_another_signal_in_random_order():
    task, patches, _, cluster = samples(20_000, num_clusters=3, d_patch=20)
    axes = torch.cat([task.signals, task.centres])
    torch.testing.assert_close(axes @ axes.T, torch.eye(6), atol=1e-5, rtol=0)
    parts = patches @ axes.T
    alone = (parts.norm(dim=2) / patches.norm(dim=2) > 0.9999).long()
    assert (alone.sum(1) == 3).all()  # all but the noise
    kind = torch.where(alone.bool(), parts.abs().argmax(2), -1)
    strength = parts.abs().amax(2)
    for k in range(3):
        own = kind[cluster == k]
        assert (own == k).sum(1).eq(1).all()
        assert (own == 3 + k).sum(1).eq(1).all()
        others = [j for j in range(3) if j != k]
        assert torch.isin(own, torch.tensor(others)).sum(1).eq(1).all()
    signal, centre = kind == cluster[:, None], kind == 3 + cluster[:, None]
    other = (kind >= 0) & ~signal & ~centre
    for place, low, high in ((signal, 0.5, 2.0), (centre, 1.0, 2.0), (other, 0.5, 3.0)):
        found = strength[place]
        assert low <= found.min() + 1e-4 < low + 0.02
        assert high - 0.02 < found.max() - 1e-4 <= high
        assert found.mean().item() == pytest.approx((low + high) / 2, abs=0.03)
        assert place.double().mean(0).tolist() == pytest.approx([0.25] * 4, abs=0.02)
    noise = patches[kind == -1].square().sum(1)
    assert noise.mean().item() == pytest.approx(1.0, rel=0.02)


def test_the_other_signal_says_nothing_of_the_class():
    task, patches, y, cluster = samples(20_000)
    signs = (patches @ task.signals.T).sum(1).sign()
    strong = (patches @ task.signals.T).abs().amax(1)
    strong[torch.arange(len(y)), cluster] = 0
    other = strong.argmax(1)
    agree = (signs[torch.arange(len(y)), other] > 0).long() == y
    assert agree.double().mean().item() == pytest.approx(0.5, abs=0.015)


def test_a_row_of_features_is_the_patches_one_after_the_other():
    data = PatchesData(0, n_train=10, n_val=4, n_test=4, d_patch=10)
    assert data.in_dim == 40
    assert data.splits.train.x.shape == (10, 40)
    task, patches, *_ = samples(3, d_patch=10)
    x, *_ = task.draw(3, torch.Generator().manual_seed(1))
    assert torch.equal(x[:, 10:20], patches[:, 1])


def test_another_seed_is_another_task():
    one, other = (PatchesData(seed).task for seed in (0, 1))
    assert (one.centres @ other.centres.T).abs().max() < 0.9


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ({"num_clusters": 1}, "data.num_clusters=1 must be at least 2: each needs another one"),
        (
            {"d_patch": 7},
            "data.d_patch=7 must be at least 8, two for each of num_clusters=4",
        ),
        (
            {"alpha": [0.0, 2.0]},
            "data.alpha=[0.0, 2.0] must be two finite numbers above 0, the lower one first",
        ),
        (
            {"beta": [2.0, 1.0]},
            "data.beta=[2.0, 1.0] must be two finite numbers above 0, the lower one first",
        ),
        (
            {"gamma": [1.0]},
            "data.gamma=[1.0] must be two finite numbers above 0, the lower one first",
        ),
        (
            {"gamma": ["1", "2"]},
            "data.gamma=['1', '2'] must be two finite numbers above 0, the lower one first",
        ),
        ({"beta": 3}, "data.beta=3 must be two finite numbers above 0, the lower one first"),
        ({"sigma": -1.0}, "data.sigma=-1.0 must be a finite number, 0 or more"),
        ({"n_test": 3}, "data.n_test=3 must be at least 4, one for each cluster"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(setting, line):
    with pytest.raises(InvalidSetting) as caught:
        PatchesData(0, **setting)
    assert str(caught.value) == line

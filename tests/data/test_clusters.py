import math

import pytest
import torch
from torch import Generator, Tensor

from triptych.data import ClustersData, ShuffledClusters
from triptych.data.signals import Samples
from triptych.errors import InvalidSetting

SMALL = {"n_train": 8000, "n_val": 100, "n_test": 8000}


def stream(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def ceiling_of_linear_rules(noise: float, label_noise: float = 0.0) -> float:
    """Two normals with correlation 1 / sqrt(1 + noise^2) disagree in sign this rarely."""
    blur = math.atan(noise) / math.pi
    return (1 - blur) * (1 - label_noise) + blur * label_noise


def least_squares_by_family(train: Samples, test: Samples) -> float:
    """Test accuracy of one linear classifier for each family."""
    right = 0
    for k in train.family.unique():
        (x, y), (new, wanted) = ((s.x[s.family == k], s.y[s.family == k]) for s in (train, test))
        w = torch.linalg.lstsq(with_one(x), 2.0 * y[:, None] - 1).solution
        right += int(((with_one(new) @ w)[:, 0].gt(0).long() == wanted).sum())
    return right / len(test.y)


def with_one(x: Tensor) -> Tensor:
    return torch.cat([x, torch.ones(len(x), 1)], dim=1)


@pytest.mark.parametrize("num_clusters", [1, 4, 16, 64])
def test_content_and_centres_are_orthogonal_and_so_are_centres_while_there_is_room(num_clusters):
    task = ClustersData(0, num_clusters=num_clusters).task
    torch.testing.assert_close(task.content @ task.content.T, torch.eye(16), atol=1e-5, rtol=0)
    assert (task.content @ task.centres.T).abs().max() < 1e-5
    cosines = task.centres @ task.centres.T
    torch.testing.assert_close(cosines.diag(), torch.ones(num_clusters))
    cosines.fill_diagonal_(0)
    assert cosines.abs().max() < 1e-5 if num_clusters <= 16 else 0.3 < cosines.max() < 0.99


def test_a_sample_is_its_content_its_centre_and_noise():
    task = ClustersData(0, num_clusters=8, noise=0.3, rho=5.0).task
    x, _, cluster = task.draw(20_000, stream())
    rest = x - 5 * task.centres[cluster]
    content, aside = rest @ task.content.T, rest @ task.centres.T
    # variance 1 of the content and .09 of the noise
    assert content.square().mean().item() == pytest.approx(1.09, rel=0.02)
    assert aside.square().mean().item() == pytest.approx(0.09, rel=0.02)
    assert cluster.bincount().double().div(len(x)).tolist() == pytest.approx([1 / 8] * 8, abs=0.01)


def test_each_cluster_has_as_many_of_one_class_as_of_the_other():
    _, y, cluster = ClustersData(0, num_clusters=8, teacher_units=4, **SMALL).splits.train
    for k in range(8):
        assert y[cluster == k].double().mean().item() == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("num_clusters", [4, 64])
def test_clusters_can_be_told_apart_by_planes(num_clusters):
    train, _, test = ClustersData(0, num_clusters=num_clusters, **SMALL).splits
    centres = torch.stack([train.x[train.family == k].mean(0) for k in range(num_clusters)])
    # the nearest centre: a linear rule; the content has a length of 4 and no part in it
    distance = torch.cdist(test.x, centres)
    assert (distance.argmin(1) == test.family).double().mean() > (
        0.99 if num_clusters < 16 else 0.9
    )


@pytest.mark.parametrize("label_noise", [0.0, 0.1])
def test_a_plane_for_each_cluster_is_as_good_as_the_ceiling_of_linear_rules(label_noise):
    """4 planes from 10,000 samples each: within two percent, and not above what is possible."""
    data = ClustersData(0, num_clusters=4, label_noise=label_noise)
    found = least_squares_by_family(data.splits.train, data.splits.test)
    bound = ceiling_of_linear_rules(0.05, label_noise)
    assert bound - 0.02 < found < bound + 4 * math.sqrt(bound * (1 - bound) / 10_000)
    parts = data.splits.train, data.splits.test
    one_plane = [part._replace(family=torch.zeros_like(part.family)) for part in parts]
    assert least_squares_by_family(*one_plane) < 0.75


@pytest.mark.parametrize(("noise", "label_noise"), [(0.05, 0.0), (0.5, 0.0), (0.05, 0.2)])
def test_the_ceiling_of_linear_rules_is_the_formula(noise, label_noise):
    data = ClustersData(0, num_clusters=3, noise=noise, label_noise=label_noise)
    accuracy, error, _ = data.task.ceiling(8000, stream())
    assert accuracy == pytest.approx(ceiling_of_linear_rules(noise, label_noise), abs=4 * error)
    assert 1e-5 < error < 3e-3


def test_the_ceiling_is_a_function_of_the_seed():
    torch.manual_seed(0)
    first = ClustersData(0, num_clusters=2).ceiling()
    torch.manual_seed(1)
    assert ClustersData(0, num_clusters=2).ceiling() == first


def test_without_noise_only_wrong_labels_are_beyond_reach():
    task = ClustersData(0, noise=0.0, label_noise=0.1, teacher_units=3).task
    assert task.ceiling(1000, stream()).accuracy == pytest.approx(0.9)


def test_where_clusters_cannot_be_told_apart_the_ceiling_is_the_vote_of_their_rules():
    """3 rules on the same place: the majority is right with all 3, or with 2 of 3."""
    task = ClustersData(0, num_clusters=3, rho=0.0, noise=0.0).task
    z = torch.randn(40_000, 16, generator=stream(5))
    votes = sum(task.teachers.above(z, torch.full((len(z),), k)).long() for k in range(3))
    wanted = torch.where((votes == 0) | (votes == 3), 1.0, 2 / 3).mean().item()
    accuracy, error, _ = task.ceiling(8000, stream())
    assert accuracy == pytest.approx(wanted, abs=4 * error + 0.002)


def test_shuffled_clusters_keep_features_classes_and_counts_and_lose_the_relation():
    known = ClustersData(0, num_clusters=8, **SMALL).splits
    shuffled = ClustersData(0, num_clusters=8, cluster_labels=ShuffledClusters(), **SMALL).splits
    for true, told in zip(known, shuffled, strict=True):
        assert torch.equal(true.x, told.x)
        assert torch.equal(true.y, told.y)
        assert torch.equal(true.family.bincount(), told.family.bincount())
        assert (true.family == told.family).double().mean().item() == pytest.approx(1 / 8, abs=0.15)
    agree = (known.train.family == shuffled.train.family).double().mean().item()
    assert agree == pytest.approx(1 / 8, abs=0.02)


def test_another_seed_is_another_task():
    one, other = (ClustersData(seed).task for seed in (0, 1))
    assert (one.content @ other.content.T).abs().max() < 0.95
    assert not torch.isclose(one.teachers.weight, other.teachers.weight).any()


def test_a_split_does_not_depend_on_the_size_of_the_others():
    tests = [ClustersData(0, n_train=4000, n_val=n).splits.test.x for n in (20, 40)]
    assert torch.equal(*tests)


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ({"num_clusters": 0}, "data.num_clusters=0 must be at least 1"),
        ({"teacher_units": 0}, "data.teacher_units=0 must be at least 1"),
        ({"rho": -1.0}, "data.rho=-1.0 must be a finite number, 0 or more"),
        ({"noise": float("nan")}, "data.noise=nan must be a finite number, 0 or more"),
        ({"label_noise": 0.5}, "data.label_noise=0.5 must be in [0, 0.5)"),
        ({"label_noise": -0.1}, "data.label_noise=-0.1 must be in [0, 0.5)"),
        (
            {"d_content": 32},
            "data.d_content=32 must be in [1, 31]: the centres need room in d_in=32",
        ),
        (
            {"d_content": 0},
            "data.d_content=0 must be in [1, 31]: the centres need room in d_in=32",
        ),
        ({"n_val": 15}, "data.n_val=15 must be at least 16, one for each cluster"),
        ({"batch_size": 0}, "data.batch_size=0 must be at least 1"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(setting, line):
    with pytest.raises(InvalidSetting) as caught:
        ClustersData(0, **setting)
    assert str(caught.value) == line

import pytest
import torch
from torch import Generator

from triptych.data.scaling import CommonScale, Standardize, Unscaled


def features(n=200):
    g = Generator().manual_seed(0)
    return torch.randn(n, 3, generator=g) * torch.tensor([1.0, 10.0, 1e6]) + 5


def test_standardised_features_have_mean_0_and_variance_1_each():
    x = features()
    z = Standardize().fit(x)(x)
    assert z.mean(0).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert z.std(0, correction=0).tolist() == pytest.approx([1, 1, 1], rel=1e-5)


def test_a_common_scale_keeps_angles_and_gives_mean_0_and_variance_1_over_all():
    x = features()
    z = CommonScale().fit(x)(x)
    assert z.mean(0).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert z.square().mean().item() == pytest.approx(1, rel=1e-5)
    ratio = (x - x.mean(0)) / z
    torch.testing.assert_close(ratio, ratio[:1, 2:].expand_as(ratio), rtol=1e-3, atol=0)


def test_other_data_are_scaled_by_what_was_fitted():
    # fitted on 0 and 2: mean 1, deviation 1; then 5 becomes 4
    scale = Standardize().fit(torch.tensor([[0.0], [2.0]]))
    assert scale(torch.tensor([[5.0]])).item() == 4.0


@pytest.mark.parametrize("scaling", [Standardize(), CommonScale()])
def test_a_constant_feature_becomes_zero(scaling):
    x = torch.full((5, 1), 7.0)
    assert scaling.fit(x)(x).tolist() == [[0.0]] * 5


@pytest.mark.parametrize("scaling", [Standardize(), CommonScale()])
def test_scaling_makes_a_new_tensor(scaling):
    x = features()
    copy = x.clone()
    scaling.fit(x)(x)
    assert torch.equal(x, copy)


def test_the_largest_floats_are_standardised_without_overflow():
    x = torch.tensor([[-3e38], [3e38]])
    assert Standardize().fit(x)(x).tolist() == [[-1.0], [1.0]]


def test_unscaled_is_exact():
    x = features()
    assert torch.equal(Unscaled().fit(x)(x), x)

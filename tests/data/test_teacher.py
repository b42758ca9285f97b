import pytest
import torch
from torch import Generator

from triptych.data.teacher import Teachers, draw_teachers, flipped


def stream(seed=0):
    return Generator().manual_seed(seed)


def test_a_teacher_is_a_small_network_with_a_threshold():
    """Teacher 1: 2 tanh(z + .5) - tanh(-z) = 3 tanh-like, above 1.2 or not, computed by hand."""
    teachers = Teachers(
        weight=torch.tensor([[[0.0], [0.0]], [[1.0], [-1.0]]]),
        offset=torch.tensor([[0.0, 0.0], [0.5, 0.0]]),
        readout=torch.tensor([[1.0, 1.0], [2.0, -1.0]]),
        threshold=torch.tensor([-1.0, 1.2]),
    )
    # at 0: 2 tanh(.5) = .924; at .2: 2 tanh(.7) + tanh(.2) = 1.406
    z = torch.tensor([[0.0], [0.0], [0.2]])
    assert teachers.above(z, torch.tensor([0, 1, 1])).tolist() == [True, False, True]


@pytest.mark.parametrize("units", [1, 3, 16])
def test_each_teacher_says_yes_to_half_of_fresh_inputs(units):
    teachers = draw_teachers(5, units, 16, stream())
    z = torch.randn(20_000, 16, generator=stream(1))
    for k in range(5):
        yes = teachers.above(z, torch.full((20_000,), k)).double().mean().item()
        # medians and shares of 20,000 draws each: .02 is 4 standard deviations
        assert yes == pytest.approx(0.5, abs=0.02)


def test_one_unit_is_a_hyperplane_and_teachers_disagree():
    teachers = draw_teachers(4, 1, 16, stream())
    z = torch.randn(2000, 16, generator=stream(1))
    answers = [teachers.above(z, torch.full((2000,), k)) for k in range(4)]
    for k, answer in enumerate(answers):
        along = (z @ teachers.weight[k, 0]) * teachers.readout[k, 0].sign()
        assert along[answer].min() > along[~answer].max()
        for other in answers[:k]:
            assert 0.2 < (answer == other).double().mean() < 0.8


def test_the_input_of_a_unit_has_the_stated_spread():
    teachers = draw_teachers(200, 8, 16, stream())
    assert teachers.weight.norm(dim=2).square().mean().item() == pytest.approx(9, rel=0.05)
    assert teachers.offset.std().item() == pytest.approx(0.3, rel=0.1)
    assert teachers.readout.std().item() == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("label_noise", [0.0, 0.1, 0.4])
def test_labels_are_turned_round_as_often_as_asked_on_both_sides(label_noise):
    right = torch.arange(40_000) % 2 == 1
    y = flipped(right, label_noise, stream())
    assert y.dtype == torch.int64
    for side in (right, ~right):
        wrong = (y.bool() ^ right)[side].double().mean().item()
        assert wrong == pytest.approx(label_noise, abs=0.012)

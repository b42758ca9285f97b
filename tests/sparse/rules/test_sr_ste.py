import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.sparse import (
    SRSTE,
    MaskedLinear,
    StraightThroughLinear,
    View,
    move,
    n_of_m_masks,
    zero_state,
)

from .views import following, stream


def two_of_four(d_out: int, d_in: int, seed: int = 0) -> torch.Tensor:
    (mask,) = n_of_m_masks([(d_out, d_in)], 0.5, [stream(seed)], m=4)
    return mask


def test_the_two_largest_of_each_group_are_chosen_wherever_they_were():
    """By hand: of (1, -4, 2, 3) the second and fourth, of (0.1, 0, -0.3, 0.2) the last two."""
    weight = torch.tensor([[1.0, -4.0, 2.0, 3.0, 0.1, 0.0, -0.3, 0.2]])
    mask = torch.tensor([[True, False, True, False, True, True, False, False]])
    new = following(SRSTE(m=4, decay=0.0), View(weight, mask, None, stream()))
    assert new.int().tolist() == [[0, 1, 0, 1, 0, 0, 1, 1]]


@given(st.integers(0, 500), st.integers(1, 5), st.integers(1, 4), st.sampled_from([2, 4, 8]))
def test_groups_keep_their_number_and_no_place_left_out_is_larger(seed, rows, groups, m):
    lots = torch.rand(rows * groups, m, generator=stream(seed))
    n = 1 + seed % m
    mask = (lots >= lots.sort(dim=1, descending=True).values[:, n - 1 :][:, :1]).view(rows, -1)
    weight = torch.randn(rows, groups * m, generator=stream(seed + 1))
    new = following(SRSTE(m=m, decay=0.0), View(weight, mask, None, stream()))
    for values, kept in zip(weight.abs().view(-1, m), new.view(-1, m), strict=True):
        assert kept.tolist() == [v in sorted(values.tolist())[m - n :] for v in values.tolist()]


def test_the_pull_is_on_what_the_mask_leaves_out_alone():
    """Eq. 9: lambda (1 - E) W, by hand with lambda 0.5."""
    weight, mask = torch.tensor([[2.0, -4.0]]), torch.tensor([[True, False]])
    assert SRSTE(m=2, decay=0.5).pull(weight, mask).tolist() == [[0.0, -2.0]]
    assert not SRSTE(m=2, decay=0.0).pull(weight, mask).any()


def test_latent_weights_and_their_optimizer_state_live_through_a_change_of_masks():
    torch.manual_seed(0)
    layer = StraightThroughLinear(two_of_four(6, 8))
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
    layer(torch.randn(9, 8)).square().sum().backward()
    optimizer.step()
    before = layer.weights.detach().clone()
    state = {k: v.clone() for k, v in optimizer.state[layer.weights].items()}
    assert (before != 0).all()
    assert (state["exp_avg"] != 0).all()
    new = two_of_four(6, 8, seed=1)
    assert not torch.equal(new, layer.mask)
    move(layer, new, optimizer, zero_state, None)
    assert torch.equal(layer.mask, new)
    assert torch.equal(layer.weights, before)
    assert torch.equal(layer.matrix(), torch.where(new, before, 0.0))
    assert (layer.nonzeros, layer.density) == (24, 0.5)
    for name, value in state.items():
        assert torch.equal(optimizer.state[layer.weights][name], value)


def test_it_starts_with_the_weights_of_the_other_kernels_and_more_of_their_kind():
    mask = two_of_four(40, 64)
    layers = []
    for kernel in (StraightThroughLinear, MaskedLinear):
        torch.manual_seed(0)
        layers.append(kernel(mask))
    latent, masked = layers
    assert torch.equal(latent.matrix(), masked.matrix())
    hidden, seen = latent.weights.detach()[~mask], masked.weight.detach()[mask]
    assert float(hidden.std()) == pytest.approx(float(seen.std()), rel=0.1)


def test_what_it_executes_is_dense_and_what_results_is_not():
    cost = StraightThroughLinear(two_of_four(10, 20)).cost()
    assert (cost.params_total, cost.flops, cost.flops_executed) == (110, 200, 400)


@pytest.mark.parametrize("mask", [torch.eye(8) > 0, torch.ones(8, 6) > 0])
def test_masks_without_equal_groups_are_refused(mask):
    with pytest.raises(IncompatibleSettings, match="take model/mask=n_of_m"):
        following(SRSTE(m=4, decay=0.0), View(torch.randn(mask.shape), mask, None, stream()))


@pytest.mark.parametrize("setting", [{"m": 0}, {"decay": -1.0}, {"decay": float("nan")}])
def test_numbers_that_it_cannot_have_are_named(setting):
    with pytest.raises(InvalidSetting, match=next(iter(setting))):
        SRSTE(**{"m": 4, "decay": 2e-4} | setting)

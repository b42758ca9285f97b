import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.sparse import (
    SET,
    BlockLinear,
    CSRLinear,
    MaskedLinear,
    RigL,
    Static,
    View,
    constant,
    move,
    squared_gradient_state,
    uniform_mask,
    zero_state,
)

from .views import following, oracle, stream


@given(st.integers(0, 1000), st.floats(0, 0.9), st.floats(0, 1))
def test_rigl_keeps_the_largest_weights_and_grows_where_the_gradient_is_largest(
    seed, sparsity, drop
):
    generator = stream(seed)
    mask = uniform_mask(8, 8, sparsity, generator)
    weight = torch.randn(8, 8, generator=generator) * mask
    gradient = torch.randn(8, 8, generator=generator)
    rule = RigL(every=1, until=1.0, drop=drop, fall=constant)
    new = following(rule, View(weight, mask, gradient, generator))
    assert torch.equal(new, oracle(weight, mask, gradient.abs(), int(drop * int(mask.sum()))))
    assert int(new.sum()) == int(mask.sum())


@given(st.integers(0, 1000), st.floats(0, 0.9), st.floats(0, 1))
def test_set_keeps_the_largest_weights_and_their_number(seed, sparsity, drop):
    mask = uniform_mask(8, 8, sparsity, stream(seed))
    weight = torch.randn(8, 8, generator=stream(seed + 1)) * mask
    rule = SET(every=1, until=1.0, drop=drop, fall=constant)
    first, again, other = (following(rule, View(weight, mask, None, stream(s))) for s in (5, 5, 6))
    assert torch.equal(first, again)
    for new in (first, other):
        assert int(new.sum()) == int(mask.sum())
        count = int(drop * int(mask.sum()))
        largest = weight.abs().flatten().topk(int(mask.sum()) - count).indices
        assert new.flatten()[largest].all()


def test_set_grows_each_place_equally_often():
    mask = torch.zeros(4, 4, dtype=torch.bool)
    mask[0] = True
    weight = torch.where(mask, torch.tensor([[1.0, 2.0, 3.0, 4.0]]), 0.0)
    rule, generator = SET(every=1, until=1.0, drop=0.25, fall=constant), stream()
    counts = torch.zeros(4, 4)
    for _ in range(2600):
        counts += following(rule, View(weight, mask, None, generator))
    assert (counts.flatten()[1:4] == 2600).all()
    grown = counts.flatten()[[0, *range(4, 16)]]  # each of 13 places 200 times
    assert ((grown - 200).abs() < 5 * 14).all()


@pytest.mark.parametrize("rule", [SET, RigL])
def test_masks_change_every_so_often_until_they_may_not(rule):
    dynamic = rule(every=10, until=0.75, drop=0.3)
    due = [step for step in range(1, 101) if dynamic.due(step, 100)]
    assert due == [10, 20, 30, 40, 50, 60, 70]
    assert dynamic.progress(0, 100) == 0.0
    assert dynamic.progress(75, 100) == dynamic.progress(90, 100) == 1.0
    assert not any(Static().due(step, 100) for step in range(101))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"every": 0}, "every must be at least 1"),
        ({"until": 0.0}, "until must be in"),
        ({"until": 1.5}, "until must be in"),
        ({"drop": 1.5}, "drop must be in"),
    ],
)
@pytest.mark.parametrize("rule", [SET, RigL])
def test_numbers_that_no_rule_can_have_are_named(rule, settings, message):
    with pytest.raises(InvalidSetting, match=message):
        rule(**{"every": 1, "until": 1.0, "drop": 0.3} | settings)


def stepped(kernel, mask: Tensor):
    torch.manual_seed(0)
    layer = kernel(mask)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
    layer(torch.randn(9, mask.shape[1], generator=stream(3))).square().sum().backward()
    optimizer.step()
    return layer, optimizer


@pytest.mark.parametrize("kernel", [MaskedLinear, CSRLinear])
def test_what_goes_leaves_nothing_behind_and_what_comes_begins_at_zero(kernel):
    """Momentum that is left behind would bring dropped weights back to life."""
    mask, new = (uniform_mask(6, 8, 0.5, stream(s)) for s in (0, 1))
    layer, optimizer = stepped(kernel, mask)
    before = layer.matrix()
    moments = {k: layer.spread(v) for k, v in optimizer.state[layer.weights].items() if v.ndim}
    gradient = torch.randn(6, 8, generator=stream(2))
    move(layer, new, optimizer, squared_gradient_state, gradient)
    kept, grown = mask & new, new & ~mask
    assert torch.equal(layer.mask, new)
    assert torch.equal(layer.matrix(), torch.where(kept, before, 0.0))
    assert moments.keys() == {"exp_avg", "exp_avg_sq"}
    for name, old in moments.items():
        now = layer.spread(optimizer.state[layer.weights][name])
        assert torch.equal(now[kept], old[kept])
        assert (now[~new] == 0).all()
        wanted = gradient.square() if name == "exp_avg_sq" else torch.zeros(6, 8)
        assert torch.equal(now[grown], wanted[grown])
    if isinstance(layer, MaskedLinear):
        assert (layer.weight[~new] == 0).all()
        assert (optimizer.state[layer.weight]["exp_avg"][~new] == 0).all()


def test_the_optimizer_s_state_of_new_weights_can_be_nothing():
    layer, optimizer = stepped(MaskedLinear, uniform_mask(6, 8, 0.5, stream(0)))
    new = uniform_mask(6, 8, 0.5, stream(1))
    grown = new & ~layer.mask
    move(layer, new, optimizer, zero_state, torch.ones(6, 8))
    assert (optimizer.state[layer.weight]["exp_avg_sq"][grown] == 0).all()


def test_kernels_refuse_masks_that_they_cannot_hold():
    layer, optimizer = stepped(CSRLinear, uniform_mask(6, 8, 0.5, stream(0)))
    with pytest.raises(IncompatibleSettings, match="model/kernel=masked"):
        move(layer, uniform_mask(6, 8, 0.75, stream(0)), optimizer, zero_state, None)
    block = BlockLinear(torch.ones(8, 8, dtype=torch.bool), block=4)
    with pytest.raises(IncompatibleSettings, match="keeps its blocks"):
        block.place(torch.zeros(8, 8, dtype=torch.bool))


@pytest.mark.parametrize("kernel", [MaskedLinear, CSRLinear])
def test_the_probe_collects_the_gradient_of_every_place_and_changes_nothing(kernel):
    torch.manual_seed(0)
    layer = kernel(uniform_mask(6, 8, 0.5, stream())).double()
    x, grad = torch.randn(5, 8).double(), torch.randn(5, 6).double()
    without = layer(x)
    layer.start_probe()
    layer(x).backward(grad)
    assert torch.equal(layer(x), without)
    layer(x).backward(grad)  # another micro-batch
    torch.testing.assert_close(layer.take_probe(), 2 * grad.T @ x)
    assert layer.probe is None

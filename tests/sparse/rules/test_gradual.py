import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.ao.pruning import CubicSL

from triptych.errors import InvalidSetting
from triptych.sparse import GraNet, Pruning, View, cubic, live_weights

from .views import following, oracle, stream, view

SHAPES = [(8, 8), (4, 12), (6, 5)]


def granet(**settings: float) -> GraNet:
    plain = {"every": 7, "until": 0.75, "initial": 0.3, "final": 0.8, "drop": 0.4}
    return GraNet(**{**plain, **settings})


def largest_of_all(views: list[View], left: int) -> list[torch.Tensor]:
    """By one sorted list of all weights of the net."""
    live = [
        (abs(float(v.weight[place])), layer, place)
        for layer, v in enumerate(views)
        for place in map(tuple, v.mask.nonzero().tolist())
    ]
    masks = [torch.zeros_like(v.mask) for v in views]
    for _, layer, place in sorted(live, reverse=True)[:left]:
        masks[layer][place] = True
    return masks


@given(st.integers(0, 1000), st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.8))
def test_granet_keeps_the_largest_of_the_whole_net_and_then_moves_weights_as_rigl_does(
    seed, progress, drop, sparsity
):
    rule = granet(drop=drop)
    views = [view(*s, sparsity, seed + i, scale=i + 1) for i, s in enumerate(SHAPES)]
    total = sum(v.mask.numel() for v in views)
    there = sum(int(v.mask.sum()) for v in views)
    left = min(live_weights(total, cubic(0.3, 0.8, progress)), there)
    share = rule.fall(drop, progress)
    wanted = [
        oracle(v.weight, kept, v.gradient.abs(), int(share * int(kept.sum())))
        for v, kept in zip(views, largest_of_all(views, left), strict=True)
    ]
    new = rule.update(views, progress)
    assert sum(int(mask.sum()) for mask in new) == left
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(new, wanted, strict=True))


def test_granet_takes_from_the_layer_with_small_weights():
    """Of 16 + 16 places, sparsity 0.5 leaves 16: all of the layer whose weights are larger."""
    small, large = view(4, 4, 0.0, 0, scale=1e-3), view(4, 4, 0.0, 1)
    new = granet(initial=0.0, final=0.5).update([small, large], 1.0)
    assert [int(mask.sum()) for mask in new] == [0, 16]


@given(st.integers(0, 100), st.floats(0, 0.5), st.floats(0.5, 0.95))
def test_granet_ends_exactly_at_its_sparsity_over_all_layers(seed, initial, final):
    rule = granet(initial=initial, final=final)
    views, generator, left = [view(*s, initial, seed) for s in SHAPES], stream(seed), []
    for step in (s for s in range(1, 101) if rule.due(s, 100)):
        masks = rule.update(views, rule.progress(step, 100))
        left.append(sum(int(mask.sum()) for mask in masks))
        views = [
            View(torch.randn(mask.shape, generator=generator) * mask, mask, v.gradient, generator)
            for v, mask in zip(views, masks, strict=True)
        ]
    assert left == sorted(left, reverse=True)
    assert left[-1] == round((1 - final) * sum(v.mask.numel() for v in views))


@given(st.integers(0, 100), st.floats(0, 0.5), st.floats(0.5, 0.95))
def test_pruning_ends_exactly_at_its_sparsity_and_brings_nothing_back(seed, initial, final):
    rule = Pruning(every=7, until=0.75, initial=initial, final=final)
    mask, generator, left = view(8, 8, initial, seed).mask, stream(seed), []
    for step in (s for s in range(1, 101) if rule.due(s, 100)):
        weight = torch.randn(8, 8, generator=generator) * mask
        new = following(rule, View(weight, mask, None, generator), rule.progress(step, 100))
        assert not (new & ~mask).any()
        gone = weight.abs()[mask & ~new]
        assert not len(gone) or gone.max() <= weight.abs()[new].min()
        left.append(int(new.sum()))
        mask = new
    assert left == sorted(left, reverse=True)
    assert left[-1] == round((1 - final) * 64)


@given(st.floats(0, 0.5), st.floats(0.5, 0.99), st.integers(1, 20), st.integers(1, 30))
def test_the_sparsity_on_the_way_is_that_of_torch(initial, final, every, updates):
    """With 4/5 of the training as the time of change, which is `updates` times `every` steps."""
    rule = Pruning(every=every, until=0.8, initial=initial, final=final)
    end, steps = every * updates, every * updates * 5 // 4
    for step in range(0, end + 1, every):
        ours = rule.sparsity(step / end if step < end else rule.progress(step, steps))
        theirs = CubicSL.sparsity_compute_fn(initial, final, step, 0, every, updates)
        assert ours == pytest.approx(theirs, abs=1e-12)


@given(st.integers(1, 60), st.floats(0.05, 0.99), st.integers(1, 200))
def test_the_last_update_is_there_whatever_the_numbers_and_completes_the_change(
    every, until, steps
):
    rule = Pruning(every=every, until=until, initial=0.0, final=0.5)
    due = [step for step in range(1, steps + 1) if rule.due(step, steps)]
    last = due[-1]
    assert rule.progress(last, steps) == 1.0
    assert all(rule.progress(step, steps) < 1.0 for step in due[:-1])
    assert last == steps or (last % every == 0 and last - every < until * steps <= last + 1e-6)
    assert all(step % every == 0 for step in due[:-1])


def test_an_end_that_rounding_puts_a_little_later_is_reached_in_time():
    """0.55 * 100 is 55.00000000000001."""
    rule = Pruning(every=5, until=0.55, initial=0.0, final=0.5)
    assert [step for step in range(1, 101) if rule.due(step, 100)] == list(range(5, 56, 5))


@pytest.mark.parametrize("rule", [Pruning, lambda **s: GraNet(drop=0.3, **s)])
def test_a_sparsity_cannot_fall(rule):
    with pytest.raises(InvalidSetting, match=r"from model.rule.initial=0.9 to .*=0.5"):
        rule(every=1, until=0.5, initial=0.9, final=0.5)


@pytest.mark.parametrize("setting", [{"every": 0}, {"until": 1.0}, {"drop": 1.5}])
def test_numbers_that_no_rule_can_have_are_named(setting):
    with pytest.raises(InvalidSetting, match=next(iter(setting))):
        granet(**setting)


@given(st.integers(1, 40), st.floats(0.05, 0.95), st.integers(1, 120))
def test_a_net_is_settled_once_no_update_is_left(every, until, steps):
    rule = Pruning(every=every, until=until, initial=0.0, final=0.5)
    for step in range(steps + 1):
        later = any(rule.due(s, steps) for s in range(step + 1, steps + 1))
        assert rule.settled(step, steps) == (not later)

"""A layer of any kernel loads what a layer of any other saved, and refuses what has no mask."""

import copy
import pickle
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.sparse import (
    AutoLinear,
    BlockLinear,
    CSRLinear,
    MaskedLinear,
    SemiStructuredLinear,
    SparseLinear,
    StraightThroughLinear,
)

from .test_agreement import BLOCK, CASES, KERNELS, MASKS, kernel, mask_of

KINDS = {name: {kind for case, kind in CASES if case == name} for name in KERNELS}
PAIRS = [
    (source, target, kind)
    for source, target in product(KERNELS, repeat=2)
    for kind in MASKS
    if kind in KINDS[source] & KINDS[target]
]
each_pair = pytest.mark.parametrize(("source", "target", "kind"), PAIRS)


def a_mask(name: str, rows: int = 3, columns: int = 2, seed: int = 0) -> Tensor:
    """Of some kind that a kernel takes."""
    return mask_of(min(KINDS[name]), rows, columns, 0.5, seed)


def trained(name: str, mask: Tensor) -> SparseLinear:
    """With a weight that exists and is zero, as those are that a rule has just grown."""
    layer = kernel(name, mask, seed=3)
    with torch.no_grad():
        layer.weights.view(-1)[layer.weights.view(-1).nonzero()[:1]] = 0.0
        layer.bias.add_(0.1)
    return layer


def test_every_kernel_meets_every_other_that_takes_a_mask_of_the_same_kind():
    met = {(source, target) for source, target, _ in PAIRS}
    free = {"masked", "csr", "auto", "straight_through"}
    assert met >= set(product(KERNELS, free)) | set(product(free, KERNELS))


@each_pair
@settings(max_examples=15)
@given(seed=st.integers(0, 20))
def test_any_kernel_loads_the_state_of_any_other(source, target, kind, seed):
    mask, other = (mask_of(kind, 3, 5, 0.6, s) for s in (seed, seed + 1))
    saved, layer = trained(source, mask), kernel(target, other)
    state = saved.state_dict()
    before = copy.deepcopy(state)
    layer.load_state_dict(state)
    assert torch.equal(layer.mask, mask)
    assert torch.equal(layer.matrix(), saved.matrix())
    assert torch.equal(layer.bias, saved.bias)
    assert state.keys() == before.keys()
    assert all(torch.equal(v, before[k]) for k, v in state.items() if isinstance(v, Tensor))
    # Kernels add in different orders: 20 products of numbers below 1 differ by their rounding.
    x = torch.randn(70, mask.shape[1])
    torch.testing.assert_close(layer(x), saved(x), rtol=1e-5, atol=1e-6)


@each_pair
def test_there_and_back_again_is_the_same_bit_for_bit(source, target, kind):
    mask, other = (mask_of(kind, 3, 5, 0.6, seed) for seed in (0, 1))
    saved, layer, again = trained(source, mask), kernel(target, other), kernel(source, other)
    x = torch.randn(70, mask.shape[1])
    wanted = saved(x)  # before saving: what a layer chose by time is forgotten on the way
    layer.load_state_dict(saved.state_dict())
    again.load_state_dict(layer.state_dict())
    assert torch.equal(again.matrix(), saved.matrix())
    torch.testing.assert_close(again(x), wanted, rtol=1e-5, atol=1e-6)
    if source in ("masked", "csr", "block", "narrow"):
        assert torch.equal(again(x), wanted)


@each_pair
def test_a_whole_net_and_a_copy_of_it_load_it_under_their_prefixes(source, target, kind):
    masks = [mask_of(kind, 2, 3, 0.5), mask_of(kind, 3, 2, 0.5)]
    saved, made = (
        nn.Sequential(*(trained(name, mask) for mask in masks)) for name in (source, target)
    )
    with torch.no_grad():
        saved[0].bias.fill_(7.0)
    for net in (made, copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        net.load_state_dict(saved.state_dict())
        for ours, theirs in zip(net, saved, strict=True):
            assert torch.equal(ours.matrix(), theirs.matrix())
            assert torch.equal(ours.bias, theirs.bias)


@pytest.mark.parametrize("name", KERNELS)
def test_weights_without_a_mask_are_refused_in_one_line_that_names_layer_and_remedy(name):
    net = nn.Sequential(nn.ReLU(), kernel(name, a_mask(name)))
    dense = nn.Sequential(nn.ReLU(), nn.Linear(8, 12))
    message = r"^1: a sparse layer needs its mask, and the state_dict has only bias, weight \(.*\)"
    with pytest.raises(InvalidSetting, match=message) as caught:
        net.load_state_dict(dense.state_dict())
    assert "load one that a sparse net saved" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", KERNELS)
def test_each_part_of_a_kernel_is_needed(name):
    layer = kernel(name, a_mask(name))
    whole = layer.state_dict()
    for part in [key for key in whole if not key.endswith(("bias", "_extra_state"))]:
        with pytest.raises(InvalidSetting, match="needs its mask"):
            layer.load_state_dict({key: value for key, value in whole.items() if key != part})


@pytest.mark.parametrize("name", KERNELS)
def test_a_layer_that_is_not_in_a_state_stays_as_it_is_without_strict(name):
    layer = kernel(name, a_mask(name))
    before = layer.matrix()
    layer.load_state_dict({}, strict=False)
    assert torch.equal(layer.matrix(), before)
    with pytest.raises(RuntimeError, match="Missing key"):
        layer.load_state_dict({})


@each_pair
@pytest.mark.parametrize("shape", [(2, 4), (4, 3)])
def test_a_layer_of_another_shape_is_refused(source, target, kind, shape):
    """Indices do not say how many inputs there were, so alike kernels see only other outputs."""
    saved, layer = (
        kernel(source, mask_of(kind, *shape, 0.0)),
        kernel(target, mask_of(kind, 2, 3, 0.0)),
    )
    alike = {*saved.state_dict()} == {*layer.state_dict()} or "auto" in (source, target)
    if alike and shape == (2, 4):
        return
    with pytest.raises(InvalidSetting, match="another shape than 8 x 12"):
        layer.load_state_dict(saved.state_dict())


def test_blocks_of_another_width_are_cut_anew():
    mask = mask_of("blocks", 4, 4, 0.5)
    saved, layer = BlockLinear(mask, block=BLOCK), BlockLinear(mask, block=BLOCK // 2)
    layer.load_state_dict(saved.state_dict())
    assert torch.equal(layer.matrix(), saved.matrix())


@pytest.mark.parametrize("name", ["block", "narrow", "semi_structured"])
@pytest.mark.parametrize("source", [CSRLinear, MaskedLinear, StraightThroughLinear])
def test_a_kernel_that_cannot_take_the_mask_says_so(name, source):
    saved = source(mask_of("scattered", 3, 2, 0.3))
    with pytest.raises(IncompatibleSettings, match=f"model/kernel={name} needs"):
        kernel(name, a_mask(name)).load_state_dict(saved.state_dict())


@pytest.mark.parametrize(("source", "kind"), CASES)
def test_the_reference_has_nothing_outside_of_its_mask_whatever_it_loads(source, kind):
    mask = mask_of(kind, 3, 2, 0.5)
    layer = MaskedLinear(mask_of(kind, 3, 2, 0.5, seed=1))
    saved = trained(source, mask)
    layer.load_state_dict(saved.state_dict())
    assert not layer.weight[~mask].any()
    assert torch.equal(layer.weight, saved.matrix())


def test_latent_weights_live_on_in_a_latent_layer():
    mask, other = (mask_of("scattered", 3, 2, 0.5, seed) for seed in (0, 1))
    saved, layer = StraightThroughLinear(mask), StraightThroughLinear(other)
    layer.load_state_dict(saved.state_dict())
    assert torch.equal(layer.weight, saved.weight)
    assert layer.weight[~mask].all()


def test_what_was_chosen_by_time_goes_on_in_the_same_kernel_only():
    mask = mask_of("two_four", 3, 2, 0.5)
    auto, semi = AutoLinear(mask, block=BLOCK), SemiStructuredLinear(mask)
    auto.chosen, semi.chosen = {"kind": "dense"}, {"kind": "masked"}
    for saved, other in ((auto, semi), (semi, auto)):
        fresh = copy.deepcopy(saved)
        fresh.chosen = {}
        fresh.load_state_dict(saved.state_dict())
        assert fresh.chosen == saved.chosen
        stranger = copy.deepcopy(other)
        stranger.chosen = {}
        stranger.load_state_dict(saved.state_dict())
        assert stranger.chosen == {}

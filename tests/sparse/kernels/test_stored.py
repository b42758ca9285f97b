"""A layer of any kernel loads what a layer of any other saved, and refuses what has no mask."""

import copy
import pickle
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.sparse import (
    BlockLinear,
    CSRLinear,
    MaskedLinear,
    SparseLinear,
    StraightThroughLinear,
    uniform_mask,
)

from .test_agreement import BLOCK, KERNELS, kernel, mask_of

PAIRS = list(product(KERNELS, repeat=2))


def trained(name: str, mask: Tensor) -> SparseLinear:
    """With a weight that exists and is zero, as those are that a rule has just grown."""
    layer = kernel(name, mask, seed=3)
    with torch.no_grad():
        layer.weights.view(-1)[layer.weights.view(-1).nonzero()[:1]] = 0.0
    return layer


@pytest.mark.parametrize(("source", "target"), PAIRS)
@given(seed=st.integers(0, 20))
def test_any_kernel_loads_the_state_of_any_other(source, target, seed):
    mask, other = mask_of(3, 5, 0.6, seed), mask_of(3, 5, 0.6, seed + 1)
    saved, layer = trained(source, mask), kernel(target, other)
    state = saved.state_dict()
    before = {key: value.clone() for key, value in state.items()}
    layer.load_state_dict(state)
    assert torch.equal(layer.mask, mask)
    assert torch.equal(layer.matrix(), saved.matrix())
    assert torch.equal(layer.bias, saved.bias)
    assert {k: v.data_ptr() for k, v in state.items()} == {
        k: v.data_ptr() for k, v in saved.state_dict().items()
    }
    assert all(torch.equal(value, before[key]) for key, value in state.items())
    # Kernels add in different orders: 20 products of numbers below 1 differ by their rounding.
    x = torch.randn(70, mask.shape[1])
    torch.testing.assert_close(layer(x), saved(x), rtol=1e-5, atol=1e-6)
    again = kernel(source, other)
    again.load_state_dict(layer.state_dict())
    assert torch.equal(again(x), saved(x))


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_whole_net_and_a_copy_of_it_load_it_under_their_prefixes(source, target):
    masks = [mask_of(2, 3, 0.5), mask_of(3, 2, 0.5)]
    saved, made = (
        nn.Sequential(*(kernel(name, mask) for mask in masks)) for name in (source, target)
    )
    with torch.no_grad():
        saved[0].bias.fill_(7.0)
    for net in (made, copy.deepcopy(made)):
        net.load_state_dict(saved.state_dict())
        for ours, theirs in zip(net, saved, strict=True):
            assert torch.equal(ours.matrix(), theirs.matrix())
            assert torch.equal(ours.bias, theirs.bias)


@pytest.mark.parametrize("name", KERNELS)
def test_weights_without_a_mask_are_refused_in_one_line_that_names_layer_and_remedy(name):
    net = nn.Sequential(nn.ReLU(), kernel(name, mask_of(2, 3, 0.5)))
    dense = nn.Sequential(nn.ReLU(), nn.Linear(12, 8))
    message = r"^1: a sparse layer needs its mask, and the state_dict has only bias, weight \(.*\)"
    with pytest.raises(InvalidSetting, match=message) as caught:
        net.load_state_dict(dense.state_dict())
    assert "load one that a sparse net saved" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", KERNELS)
def test_each_part_of_a_kernel_is_needed(name):
    layer = kernel(name, mask_of(2, 3, 0.5))
    for part in layer.parts:
        state = {key: value for key, value in layer.state_dict().items() if key != part}
        with pytest.raises(InvalidSetting, match="needs its mask"):
            layer.load_state_dict(state)


@pytest.mark.parametrize("name", KERNELS)
def test_a_layer_that_is_not_in_a_state_stays_as_it_is_without_strict(name):
    layer = kernel(name, mask_of(2, 3, 0.5))
    before = layer.matrix()
    layer.load_state_dict({}, strict=False)
    assert torch.equal(layer.matrix(), before)
    with pytest.raises(RuntimeError, match="Missing key"):
        layer.load_state_dict({})


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("shape", [(2, 4), (4, 3)])
def test_a_layer_of_another_shape_is_refused(source, target, shape):
    """Of its own kind, indices do not say how many inputs there were: only outputs are compared."""
    if source == target and shape == (2, 4):
        return
    layer = kernel(target, mask_of(2, 3, 0.0))
    with pytest.raises(InvalidSetting, match="another shape than 8 x 12"):
        layer.load_state_dict(kernel(source, mask_of(*shape, 0.0)).state_dict())


def test_blocks_of_another_width_are_cut_anew():
    mask = mask_of(4, 4, 0.5)
    saved, layer = BlockLinear(mask, block=BLOCK), BlockLinear(mask, block=BLOCK // 2)
    layer.load_state_dict(saved.state_dict())
    assert torch.equal(layer.matrix(), saved.matrix())


def test_a_kernel_that_cannot_take_the_mask_says_so():
    scattered = uniform_mask(8, 8, 0.5, torch.Generator().manual_seed(0))
    with pytest.raises(IncompatibleSettings, match="take model/mask=block"):
        kernel("block", mask_of(2, 2, 0.5)).load_state_dict(CSRLinear(scattered).state_dict())


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_kernels_that_store_the_same_tensors_read_them_alike(source, target):
    mask = mask_of(3, 2, 0.5)
    saved, layer = trained(source, mask), kernel(target, mask)
    if saved.parts == layer.parts:
        for ours, theirs in zip(
            layer.read(saved.state_dict(), layer.shape),
            saved.read(saved.state_dict(), saved.shape),
            strict=True,
        ):
            assert torch.equal(ours, theirs)


@pytest.mark.parametrize("name", KERNELS)
def test_the_reference_has_nothing_outside_of_its_mask_whatever_it_loads(name):
    mask = mask_of(3, 2, 0.5)
    layer = MaskedLinear(mask_of(3, 2, 0.5, seed=1))
    saved = trained(name, mask)
    layer.load_state_dict(saved.state_dict())
    assert not layer.weight[~mask].any()
    assert torch.equal(layer.weight, saved.matrix())


def test_latent_weights_live_on_in_a_latent_layer():
    mask = mask_of(3, 2, 0.5)
    saved, layer = StraightThroughLinear(mask), StraightThroughLinear(mask_of(3, 2, 0.5, seed=1))
    layer.load_state_dict(saved.state_dict())
    assert torch.equal(layer.weight, saved.weight)
    assert layer.weight[~mask].all()


def test_the_reference_layer_can_be_pickled():
    layer = pickle.loads(pickle.dumps(MaskedLinear(mask_of(2, 2, 0.5))))
    layer.load_state_dict(CSRLinear(layer.mask).state_dict())

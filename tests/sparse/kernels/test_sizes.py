"""State dicts with another number of weights than the layer that takes them."""

import copy
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from triptych.sparse import BlockLinear, CSRLinear, MaskedLinear, SparseLinear

KERNELS = {"masked": MaskedLinear, "csr": CSRLinear, "block": partial(BlockLinear, block=4)}
each_kernel = pytest.mark.parametrize("name", KERNELS)


def layer(name: str, blocks: list[list[int]]) -> SparseLinear:
    return KERNELS[name](torch.tensor(blocks).bool().kron(torch.ones(4, 4).bool()))


def few(name: str) -> SparseLinear:
    torch.manual_seed(1)
    return layer(name, [[0, 1, 0], [1, 0, 0]])


def dense(name: str) -> SparseLinear:
    torch.manual_seed(0)
    return layer(name, [[1, 1, 1], [1, 1, 1]])


def outcome(of: SparseLinear) -> list[Tensor]:
    of.zero_grad()
    x = torch.randn(70, 12, generator=torch.Generator().manual_seed(0), requires_grad=True)
    y = of(x)
    y.square().sum().backward()
    return [y, x.grad, of.spread(of.weights.grad), of.bias.grad, of.mask, of.matrix()]


def assert_same(ours: SparseLinear, theirs: SparseLinear) -> None:
    for mine, other in zip(outcome(ours), outcome(theirs), strict=True):
        assert torch.equal(mine, other)
    assert ours.nonzeros == theirs.nonzeros
    assert ours.cost() == theirs.cost()


@each_kernel
@pytest.mark.parametrize(("source", "target"), [(few, dense), (dense, few)])
def test_a_layer_becomes_the_stored_one_also_inside_a_net(name, source, target):
    theirs, ours = source(name), target(name)
    outer = nn.ModuleDict({"a": nn.Sequential(nn.ReLU(), ours)})
    outer.load_state_dict(nn.ModuleDict({"a": nn.Sequential(nn.ReLU(), theirs)}).state_dict())
    assert_same(ours, theirs)
    assert_same(copy.deepcopy(ours), theirs)


@each_kernel
def test_a_copy_that_takes_another_number_leaves_its_original_alone(name):
    original, theirs = dense(name), few(name)
    before = copy.deepcopy(original)
    copied = copy.deepcopy(original)
    copied.load_state_dict(theirs.state_dict())
    assert_same(copied, theirs)
    assert_same(original, before)


@each_kernel
def test_the_parameter_stays_the_one_that_an_optimizer_has(name):
    ours, theirs = dense(name), few(name)
    parameter = ours.weights
    outcome(ours)
    ours.load_state_dict(theirs.state_dict())
    assert ours.weights is parameter
    optimizer = torch.optim.Adam([parameter], lr=0.1)
    outcome(ours)
    optimizer.step()
    assert not torch.equal(ours.matrix(), theirs.matrix())


@pytest.mark.parametrize("name", ["csr", "block"])
def test_what_fits_no_layer_is_still_refused(name):
    state = few(name).state_dict()
    with pytest.raises(RuntimeError, match="Missing key"):
        dense(name).load_state_dict({k: v for k, v in state.items() if k != "values"})
    with pytest.raises(RuntimeError, match="size mismatch"):
        dense(name).load_state_dict({**state, "columns": state["columns"][:-1]})
    with pytest.raises(RuntimeError, match="size mismatch"):
        layer(name, [[1, 1, 1]]).load_state_dict(state)  # half as many rows
    other = BlockLinear(torch.ones(8, 12).bool(), block=2)
    with pytest.raises(RuntimeError, match="size mismatch"):
        other.load_state_dict(few("block").state_dict())

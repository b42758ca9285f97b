"""Monarch matrices against the dense matrix that their definition writes out."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.sparse import MonarchLinear
from triptych.types import Cost


def permutation(size: int, blocks: int) -> Tensor:
    """P: what stands at (block j, place t) goes to t * blocks + j."""
    p = torch.zeros(size, size, dtype=torch.double)
    for j in range(blocks):
        for t in range(size // blocks):
            p[t * blocks + j, j * (size // blocks) + t] = 1
    return p


def dense(layer: MonarchLinear) -> Tensor:
    """P L P^T R: (O, D)."""
    right, left = (torch.block_diag(*f.detach().mT) for f in (layer.right, layer.left))
    deal = permutation(len(right), layer.blocks).T
    return permutation(len(left), layer.blocks) @ left @ deal @ right


def layer(d_in: int, d_out: int, blocks: int, seed: int = 0) -> MonarchLinear:
    torch.manual_seed(seed)
    return MonarchLinear(d_in, d_out, blocks=blocks).double()


@given(
    blocks=st.integers(1, 4),
    sizes=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    shape=st.sampled_from([(), (0,), (1,), (7,), (2, 3), (2, 0)]),
)
def test_the_output_is_that_of_the_dense_matrix(blocks, sizes, shape):
    ours = layer(blocks * sizes[0], blocks * sizes[1], blocks)
    x = torch.randn(*shape, blocks * sizes[0], dtype=torch.double)
    wanted = x @ dense(ours).T + ours.bias
    torch.testing.assert_close(ours(x), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("d_in", "d_out"), [(8, 8), (8, 12), (12, 8)])
def test_gradients_are_those_of_finite_differences(d_in, d_out):
    ours = layer(d_in, d_out, 2)
    x = torch.randn(3, d_in, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda *_: ours(x), (x, *ours.parameters()))


@pytest.mark.parametrize(("d_in", "d_out"), [(64, 64), (64, 256), (256, 64)])
@pytest.mark.parametrize("blocks", [1, 4, 8])
def test_outputs_start_with_the_variance_of_a_dense_layer(d_in, d_out, blocks):
    x = torch.randn(256, d_in, dtype=torch.double)
    ours = torch.cat([layer(d_in, d_out, blocks, seed)(x) for seed in range(5)])
    torch.manual_seed(0)
    theirs = torch.cat([torch.nn.Linear(d_in, d_out).double()(x) for _ in range(5)])
    assert float(ours.detach().std()) == pytest.approx(float(theirs.detach().std()), rel=0.1)


def test_every_output_depends_on_every_input_from_blocks_squared_on():
    assert dense(layer(16, 32, 4)).all()
    assert not dense(layer(8, 16, 4)).all()


@pytest.mark.parametrize(("d_in", "d_out"), [(8, 8), (8, 12), (12, 8)])
def test_declared_costs_are_the_exact_counts_and_those_of_torch(d_in, d_out):
    ours = layer(d_in, d_out, 4)
    weights = 8 * (d_in + d_out) // 4
    assert ours.cost() == Cost(weights + d_out, weights + d_out, 2 * weights, 2 * weights)
    assert sum(p.numel() for p in ours.parameters()) == weights + d_out
    with FlopCounterMode(display=False) as counter:
        ours(torch.randn(5, d_in, dtype=torch.double))
    assert counter.get_total_flops() == 5 * 2 * weights


def test_a_state_dict_and_a_copy_bring_back_everything():
    ours, other = layer(8, 12, 4, seed=0), layer(8, 12, 4, seed=1)
    other.load_state_dict(ours.state_dict())
    x = torch.randn(5, 8, dtype=torch.double)
    for again in (other, copy.deepcopy(ours)):
        assert torch.equal(again(x), ours(x))


def test_widths_without_whole_blocks_are_refused_in_one_line():
    with pytest.raises(IncompatibleSettings, match=r"model\.blocks=3 must divide .* 6 and 8"):
        MonarchLinear(6, 8, blocks=3)
    with pytest.raises(InvalidSetting, match=r"model\.blocks must be at least 1, got 0"):
        MonarchLinear(6, 8, blocks=0)

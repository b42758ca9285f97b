"""The multiplicative layer against its formula, written as loops."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from triptych.errors import InvalidSetting
from triptych.sparse import MultiplicativeDense
from triptych.types import Cost


def layer(d_in: int, modules: int, d_module: int, seed: int = 0) -> MultiplicativeDense:
    torch.manual_seed(seed)
    return MultiplicativeDense(d_in, modules, d_module).double()


def dense(ours: MultiplicativeDense) -> Tensor:
    """(S * M, D), entry by entry."""
    first, second = ours.first.detach(), ours.second.detach()
    rows = [
        [first[i, s] * second[i, m] for i in range(len(first))]
        for s in range(first.shape[1])
        for m in range(second.shape[1])
    ]
    return torch.tensor(rows, dtype=torch.double)


@given(
    sizes=st.tuples(*[st.integers(1, 4)] * 3),
    shape=st.sampled_from([(), (0,), (1,), (2,), (7,), (2, 3), (2, 0)]),
)
def test_the_output_is_that_of_the_dense_matrix(sizes, shape):
    ours = layer(*sizes)
    x = torch.randn(*shape, sizes[0], dtype=torch.double)
    wanted = x @ dense(ours).T + ours.bias
    torch.testing.assert_close(ours(x), wanted, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours.matrix(), dense(ours))


@pytest.mark.parametrize("samples", [2, 5])
def test_gradients_are_those_of_finite_differences(samples):
    ours = layer(5, 2, 3)
    x = torch.randn(samples, 5, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda *_: ours(x), (x, *ours.parameters()))


def test_outputs_start_with_the_variance_of_a_dense_layer():
    x = torch.randn(256, 64, dtype=torch.double)
    ours = torch.cat([layer(64, 8, 16, seed)(x) for seed in range(5)])
    torch.manual_seed(0)
    theirs = torch.cat([torch.nn.Linear(64, 128).double()(x) for _ in range(5)])
    assert float(ours.detach().std()) == pytest.approx(float(theirs.detach().std()), rel=0.1)


@pytest.mark.parametrize("samples", [1, 50])
def test_declared_costs_are_the_exact_counts_and_those_of_torch(samples):
    ours = layer(6, 3, 4)
    # 6 * (3 + 4) weights and 3 * 4 biases; the products of 6 x 12
    assert ours.cost() == Cost(42 + 12, 42 + 12, 2 * 72, 2 * 72)
    assert sum(p.numel() for p in ours.parameters()) == 54
    with FlopCounterMode(display=False) as counter:
        ours(torch.randn(samples, 6, dtype=torch.double))
    assert counter.get_total_flops() == samples * 2 * 72


def test_it_can_give_any_permutation_of_its_inputs():
    """Theorem 2 of the paper: input i goes to (s, m) by a one in each factor."""
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    ours = layer(12, 3, 4)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.zero_()
        for i, place in enumerate(order.tolist()):
            ours.first[i, place // 4] = 1
            ours.second[i, place % 4] = 1
    x = torch.randn(5, 12, dtype=torch.double)
    assert torch.equal(ours(x)[:, order], x)


def test_a_state_dict_and_a_copy_bring_back_everything():
    ours, other = layer(5, 2, 3, seed=0), layer(5, 2, 3, seed=1)
    other.load_state_dict(ours.state_dict())
    x = torch.randn(5, 5, dtype=torch.double)
    for again in (other, copy.deepcopy(ours)):
        assert torch.equal(again(x), ours(x))


@pytest.mark.parametrize("sizes", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_sizes_that_no_layer_can_have_are_named(sizes):
    with pytest.raises(InvalidSetting, match="must be at least 1, got 0"):
        MultiplicativeDense(*sizes)

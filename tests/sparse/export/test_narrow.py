"""Narrow chains compute what the wide ones do, and have no unit left that cannot matter."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from triptych.sparse import MaskedLinear, uniform_mask
from triptych.sparse.export.narrow import Affine, narrow_chains, narrowed


def chain_of(widths: list[int], sparsity: float, seed: int) -> list[Affine]:
    generator = torch.Generator().manual_seed(seed)
    chain = []
    for d_in, d_out in pairwise(widths):
        mask = uniform_mask(d_out, d_in, sparsity, generator)
        weight = torch.randn(d_out, d_in, generator=generator, dtype=torch.double)
        bias = torch.randn(d_out, generator=generator, dtype=torch.double)
        chain.append(Affine(torch.where(mask, weight, 0.0), bias))
    return chain


def run(chain: list[Affine], x: Tensor) -> Tensor:
    for layer in chain[:-1]:
        x = (x @ layer.weight.T + layer.bias).relu()
    return x @ chain[-1].weight.T + chain[-1].bias


@given(
    widths=st.lists(st.integers(1, 7), min_size=2, max_size=5),
    sparsity=st.sampled_from([0.0, 0.5, 0.8, 0.9, 0.99]),
    seed=st.integers(0, 200),
)
def test_the_function_is_the_same_and_every_hidden_unit_matters(widths, sparsity, seed):
    wide = chain_of(widths, sparsity, seed)
    narrow = narrowed(wide)
    x = torch.randn(20, widths[0], dtype=torch.double)
    torch.testing.assert_close(run(narrow, x), run(wide, x), rtol=1e-12, atol=1e-12)
    assert narrow[0].weight.shape[1] == widths[0]
    assert narrow[-1].weight.shape[0] == widths[-1]
    for layer, after in pairwise(narrow):
        assert layer.weight.shape[0] == after.weight.shape[1]
        assert layer.weight.shape[0] == layer.bias.shape[0]
        if layer.weight.shape[0] > 1:  # the last unit of a layer stays in any case
            assert after.weight.any(dim=0).all()
            assert layer.weight.any(dim=1).all()


def test_constants_go_through_all_layers_behind_them():
    """Unit 0 is relu(3) = 3, and unit 0 of the next layer relu(2 * 3 + 1) = 7: both vanish, and
    the output's bias grows by 7 * 10. Unit 1 with bias -5 is 0 and adds nothing."""
    first = Affine(torch.tensor([[0.0], [0.0], [1.0]]), torch.tensor([3.0, -5.0, 0.0]))
    second = Affine(torch.tensor([[2.0, 9.0, 0.0], [0.0, 0.0, 1.0]]), torch.tensor([1.0, 0.0]))
    third = Affine(torch.tensor([[10.0, 1.0]]), torch.tensor([0.5]))
    a, b, c = narrowed([first, second, third])
    assert (a.weight.tolist(), a.bias.tolist()) == ([[1.0]], [0.0])
    assert (b.weight.tolist(), b.bias.tolist()) == ([[1.0]], [0.0])
    assert (c.weight.tolist(), c.bias.tolist()) == ([[1.0]], [70.5])


def test_who_feeds_only_the_idle_is_removed_too():
    first = Affine(torch.ones(2, 1), torch.zeros(2))
    second = Affine(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.zeros(2))
    third = Affine(torch.tensor([[0.0, 1.0]]), torch.zeros(1))
    assert [tuple(layer.weight.shape) for layer in narrowed([first, second, third])] == [
        (1, 1),
        (1, 1),
        (1, 1),
    ]


@pytest.mark.parametrize(
    "net",
    [
        nn.Sequential(MaskedLinear(torch.ones(3, 2, dtype=torch.bool)), nn.GELU(), nn.Linear(3, 2)),
        nn.Sequential(MaskedLinear(torch.ones(3, 2, dtype=torch.bool)), nn.Linear(3, 2)),
        nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)),
        nn.ModuleList([MaskedLinear(torch.ones(3, 2, dtype=torch.bool))]),
    ],
    ids=["gelu", "no relu", "dense", "no chain"],
)
def test_what_is_no_sparse_chain_with_relus_is_left_alone(net):
    assert narrow_chains(net) == {}

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from triptych.errors import IncompatibleSettings
from triptych.sparse import (
    block_masks,
    constant_fan_in_masks,
    erdos_renyi_densities,
    erdos_renyi_masks,
    live_weights,
    n_of_m_masks,
    uniform_masks,
)


def streams(count: int, seed: int = 0) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed + i) for i in range(count)]


@pytest.mark.parametrize(
    ("shapes", "density", "wanted"),
    [
        ([(300, 784), (100, 300), (10, 100)], 0.1, [0.079568, 0.230189, 1.0]),
        ([(300, 784), (100, 300), (10, 100)], 0.05, [0.038484, 0.111334, 0.918507]),
        ([(512, 128), (512, 512), (10, 512)], 0.1, [0.165270, 0.066108, 1.0]),
        ([(3072, 768), (768, 3072)], 0.1, [0.1, 0.1]),
    ],
)
def test_densities_are_those_of_the_code_of_the_papers(shapes, density, wanted):
    assert erdos_renyi_densities(shapes, density) == pytest.approx(wanted, abs=1e-6)
    backwards = erdos_renyi_densities(shapes[::-1], density)
    assert backwards == pytest.approx(wanted[::-1], abs=1e-6)


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=5),
    st.floats(0, 0.99),
)
def test_the_whole_net_has_exactly_its_budget_and_no_layer_more_than_all(shapes, sparsity):
    masks = erdos_renyi_masks(shapes, sparsity, streams(len(shapes)))
    assert [tuple(m.shape) for m in masks] == shapes
    total = sum(d_out * d_in for d_out, d_in in shapes)
    assert sum(int(m.sum()) for m in masks) == round((1 - sparsity) * total)


@given(st.integers(1, 20), st.integers(1, 20), st.floats(0, 0.99))
def test_every_output_has_as_many_inputs_as_any_other(d_out, d_in, sparsity):
    (mask,) = constant_fan_in_masks([(d_out, d_in)], sparsity, streams(1))
    assert mask.sum(dim=1).tolist() == [max(1, live_weights(d_in, sparsity))] * d_out


@pytest.mark.parametrize(("sparsity", "n"), [(0.75, 1), (0.5, 2), (0.25, 3), (0.0, 4)])
def test_every_group_of_m_has_exactly_n(sparsity, n):
    (mask,) = n_of_m_masks([(6, 8)], sparsity, streams(1), m=4)
    assert mask.view(-1, 4).sum(dim=1).tolist() == [n] * 12


def test_sparsities_and_widths_without_whole_groups_are_refused_with_those_that_have_them():
    with pytest.raises(IncompatibleSettings, match=r"sparsity=0.8 .* one of 0.75, 0.5, 0.25"):
        n_of_m_masks([(4, 8)], 0.8, streams(1), m=4)
    with pytest.raises(IncompatibleSettings, match="4 x 6 has no whole groups of 4"):
        n_of_m_masks([(4, 6)], 0.5, streams(1), m=4)
    with pytest.raises(IncompatibleSettings, match="6 x 8 has no whole blocks of 4"):
        block_masks([(8, 8), (6, 8)], 0.5, streams(2), block=4)


@given(st.integers(1, 5), st.integers(1, 5), st.floats(0, 0.99), st.sampled_from([1, 2, 4]))
def test_blocks_are_whole_and_as_many_as_the_sparsity_allows(rows, columns, sparsity, block):
    (mask,) = block_masks([(rows * block, columns * block)], sparsity, streams(1), block=block)
    tiles = mask.view(rows, block, columns, block).transpose(1, 2).flatten(2).sum(dim=2)
    assert set(tiles.flatten().tolist()) <= {0, block**2}
    assert int((tiles > 0).sum()) == max(1, live_weights(rows * columns, sparsity))


@pytest.mark.parametrize(
    "pattern",
    [
        uniform_masks,
        erdos_renyi_masks,
        constant_fan_in_masks,
        lambda *a: n_of_m_masks(*a, m=4),
        lambda *a: block_masks(*a, block=2),
    ],
)
def test_the_generators_alone_decide(pattern):
    shapes = [(8, 8), (8, 16)]
    state = torch.get_rng_state()
    first, again = (pattern(shapes, 0.5, streams(2)) for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    other = pattern(shapes, 0.5, streams(2, seed=9))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))

import itertools
import math

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
    neurons_masks,
    two_four_masks,
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


def chain(widths: list[int]) -> list[tuple[int, int]]:
    return [(d_out, d_in) for d_in, d_out in itertools.pairwise(widths)]


@given(st.lists(st.integers(1, 12), min_size=3, max_size=5), st.floats(0, 0.99))
def test_hidden_units_exist_or_not_with_all_their_weights(widths, sparsity):
    """The masks are those of a narrower dense net, with the ends as they were."""
    masks = neurons_masks(chain(widths), sparsity, streams(len(widths) - 1))
    rows, columns = [m.any(dim=1) for m in masks], [m.any(dim=0) for m in masks]
    for mask, r, c in zip(masks, rows, columns, strict=True):
        assert torch.equal(mask, r[:, None] & c)
    assert columns[0].all()
    assert rows[-1].all()
    for before, after in itertools.pairwise(range(len(masks))):
        assert torch.equal(rows[before], columns[after])
    units = [int(r.sum()) for r in rows[:-1]]
    assert min(units) >= 1
    # One share for all: some share rounds to each of the counts (the least is 1).
    low = max((k - 0.5) / w if k > 1 else 0.0 for k, w in zip(units, widths[1:-1], strict=True))
    high = min((k + 0.5) / w for k, w in zip(units, widths[1:-1], strict=True))
    assert low < high + 1e-9


@given(st.lists(st.integers(1, 9), min_size=3, max_size=4), st.floats(0, 0.99))
def test_no_other_share_of_units_is_nearer_to_the_budget(widths, sparsity):
    """By trying shares on a fine grid."""
    shapes = chain(widths)
    masks = neurons_masks(shapes, sparsity, streams(len(shapes)))
    budget = live_weights(sum(a * b for a, b in shapes), sparsity)

    def weights(share: float) -> int:
        kept = [max(1, math.floor(share * w + 0.5)) for w in widths[1:-1]]
        return sum(a * b for a, b in itertools.pairwise([widths[0], *kept, widths[-1]]))

    # 5040 has every width up to 9 as a divisor twice over, so the grid meets every rounding.
    best = min(abs(weights(step / 5040) - budget) for step in range(5041))
    assert abs(sum(int(m.sum()) for m in masks) - budget) == best


def test_each_hidden_unit_is_as_likely_as_any_other():
    """1 of 4: each unit in a quarter of 2000 draws, within 5 standard deviations."""
    generators, counts = streams(2), torch.zeros(4)
    for _ in range(2000):
        counts += neurons_masks([(4, 3), (2, 4)], 0.75, generators)[0][:, 0]
    assert counts.sum() == 2000
    assert ((counts - 500).abs() < 5 * (2000 * 1 / 4 * 3 / 4) ** 0.5).all()


def test_where_widths_do_not_meet_all_units_stay():
    masks = neurons_masks([(8, 4), (2, 8), (6, 5)], 0.5, streams(3))
    assert masks[0].any(dim=1).sum() < 8
    assert masks[2].all()
    assert neurons_masks([(8, 4), (2, 5)], 0.0, streams(2))[0].all()
    with pytest.raises(IncompatibleSettings, match=r"no hidden units .* take model/mask=uniform"):
        neurons_masks([(8, 4), (2, 5)], 0.5, streams(2))


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 50))
def test_2_4_holds_along_rows_and_along_columns(rows, columns, seed):
    (mask,) = two_four_masks([(4 * rows, 4 * columns)], 0.5, streams(1, seed))
    for oriented in (mask, mask.t()):
        assert (oriented.reshape(-1, 4).sum(dim=1) == 2).all()


def test_all_90_transposable_tiles_are_equally_likely():
    """Each in 18000 / 90 = 200 draws, within 5 standard deviations."""
    (mask,) = two_four_masks([(4 * 100, 4 * 180)], 0.5, streams(1))
    tiles = mask.view(100, 4, 180, 4).transpose(1, 2).reshape(-1, 16)
    kinds, counts = tiles.unique(dim=0, return_counts=True)
    assert len(kinds) == 90
    assert ((counts - 200).abs() < 5 * (18000 * 1 / 90 * 89 / 90) ** 0.5).all()


def test_2_4_is_half_of_the_weights_of_whole_tiles():
    with pytest.raises(IncompatibleSettings, match=r"take model.sparsity=0.5, got 0.8"):
        two_four_masks([(8, 8)], 0.8, streams(1))
    with pytest.raises(IncompatibleSettings, match=r"8 x 6 has no whole tiles of 4 x 4"):
        two_four_masks([(8, 8), (8, 6)], 0.5, streams(2))


@pytest.mark.parametrize(
    "pattern",
    [
        uniform_masks,
        erdos_renyi_masks,
        constant_fan_in_masks,
        lambda *a: n_of_m_masks(*a, m=4),
        lambda *a: block_masks(*a, block=2),
        neurons_masks,
        two_four_masks,
    ],
)
def test_the_generators_alone_decide(pattern):
    shapes = [(16, 8), (8, 16)]
    state = torch.get_rng_state()
    first, again = (pattern(shapes, 0.5, streams(2)) for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    other = pattern(shapes, 0.5, streams(2, seed=9))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))

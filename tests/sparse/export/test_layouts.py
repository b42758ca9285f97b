"""Each layout brings back every matrix, and is what its description says."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.sparse import unpacked
from triptych.sparse.export.layouts import layouts, widest_block


def matrix_of(rows: int, columns: int, density: float, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(rows, columns, generator=generator) < density
    return mask, torch.randn(rows, columns, generator=generator).where(mask, torch.zeros(()))


SIZES = {
    "rows": st.integers(1, 9),
    "columns": st.integers(1, 19),
    "density": st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    "seed": st.integers(0, 50),
}


@pytest.mark.parametrize("form", ["dense", "csr", "bitmask"])
@given(**SIZES)
def test_any_matrix_comes_back(form, rows, columns, density, seed):
    mask, matrix = matrix_of(rows, columns, density, seed)
    layout = layouts()[form]
    assert torch.equal(layout.decode(layout.encode(mask, matrix), (rows, columns)), matrix)


@given(**SIZES, block=st.integers(1, 4), given_block=st.booleans())
def test_any_matrix_of_blocks_comes_back(rows, columns, density, seed, block, given_block):
    grid, _ = matrix_of(rows, columns, density, seed)
    mask = grid.repeat_interleave(block + 1, 0).repeat_interleave(block + 1, 1)
    matrix = torch.randn(mask.shape).where(mask, torch.zeros(()))
    layout = layouts(block + 1 if given_block else None)["block"]
    parts = layout.encode(mask, matrix)
    assert parts["blocks"].shape[1] >= block + 1
    assert torch.equal(layout.decode(parts, (mask.shape[0], mask.shape[1])), matrix)


@given(**SIZES)
def test_bits_are_those_of_numpy_and_of_the_size_that_is_promised(rows, columns, density, seed):
    mask, matrix = matrix_of(rows, columns, density, seed)
    parts = layouts()["bitmask"].encode(mask, matrix)
    assert np.array_equal(parts["bits"], np.packbits(mask.numpy(), bitorder="little"))
    assert parts["bits"].dtype == torch.uint8
    assert parts["values"].tolist() == matrix[mask].tolist()
    assert torch.equal(unpacked(parts["bits"], (rows, columns)), mask)


def test_rows_and_blocks_are_where_the_description_says():
    matrix = torch.tensor([[0.0, 2.0, 3.0], [0.0, 0.0, 0.0], [4.0, 0.0, 0.0]])
    rows = layouts()["csr"].encode(matrix != 0, matrix)
    assert {key: value.tolist() for key, value in rows.items()} == {
        "values": [2.0, 3.0, 4.0],
        "columns": [1, 2, 0],
        "starts": [0, 2, 2, 3],
    }
    assert rows["columns"].dtype == rows["starts"].dtype == torch.int32
    matrix = torch.tensor([[0.0, 0.0, 1.0, 2.0], [0.0, 0.0, 3.0, 4.0]])
    blocks = layouts()["block"].encode(matrix != 0, matrix)
    assert {key: value.tolist() for key, value in blocks.items()} == {
        "blocks": [[[1.0, 2.0], [3.0, 4.0]]],
        "columns": [1],
        "starts": [0, 1],
    }
    assert blocks["columns"].dtype == blocks["starts"].dtype == torch.int32


@pytest.mark.parametrize("block", [None, 2, 3, 16])
def test_a_mask_that_is_not_of_blocks_is_refused(block):
    mask = torch.eye(4, dtype=torch.bool)
    with pytest.raises(IncompatibleSettings, match="take format=csr or format=bitmask"):
        layouts(block)["block"].encode(mask, mask.float())


def test_the_widest_block_may_be_all_of_a_layer():
    assert widest_block(torch.ones(4, 6, dtype=torch.bool)) == 2
    assert widest_block(torch.zeros(6, 6, dtype=torch.bool)) == 6
    assert widest_block(torch.eye(6, dtype=torch.bool)) == 1


def test_bits_of_another_shape_are_refused():
    with pytest.raises(InvalidSetting, match="2 bytes of mask cannot be of 3 x 2"):
        unpacked(torch.zeros(2, dtype=torch.uint8), (3, 2))

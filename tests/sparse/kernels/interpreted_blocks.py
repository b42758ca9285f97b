"""Run by `test_block_products.py` in a process where Triton interprets its kernels."""

from collections.abc import Iterator

import pytest
import torch

from . import block_products as products


@pytest.fixture(autouse=True)
def poison() -> Iterator[None]:
    """New memory is full of NaN: what nobody wrote cannot be taken for a number."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


# The interpreter's product does not know bfloat16: that is for a GPU.
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("case", products.CASES)
def test_products_of_blocks_and_their_gradients_are_those_of_the_matrix(case, dtype):
    products.check(case, dtype, "cpu")


def test_any_strides_are_fine():
    products.check_any_strides("cpu")


def test_what_is_frozen_gets_no_gradient():
    products.check_frozen("cpu")

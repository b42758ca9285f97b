"""The product of blocks, compiled once."""

import pytest
import torch

from triptych.native.compiler import library_of
from triptych.native.loading import load
from triptych.sparse.native import operator
from triptych.sparse.native.operator import BlocksProduct

from ..native_cache import in_pytests_cache


@pytest.fixture(scope="session")
def compiled_product(pytestconfig: pytest.Config) -> BlocksProduct:
    with in_pytests_cache("sparse", pytestconfig):
        load(library_of("sparse").build(print))
    return torch.ops.triptych_sparse.blocks.default


@pytest.fixture(autouse=True)
def not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that layers of blocks do the same on machines where a user has compiled and has not."""
    monkeypatch.setattr(operator, "product_if_built", lambda: None)

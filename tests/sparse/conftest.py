"""The product of blocks, compiled once into pytest's cache: the user's own cache is left alone."""

import os
import shutil

import pytest
import torch

from triptych.native.compiler import library_of
from triptych.native.loading import load
from triptych.sparse.native import operator
from triptych.sparse.native.operator import BlocksProduct


@pytest.fixture(scope="session")
def compiled_product(request: pytest.FixtureRequest) -> BlocksProduct:
    library = library_of("sparse")
    if not library.file().exists():  # two copies of one library cannot be in one process
        if shutil.which("g++") is None and os.environ.get("STRICT") != "1":
            pytest.skip("needs g++")
        with pytest.MonkeyPatch.context() as patch:
            cache = request.config.cache
            assert cache is not None
            patch.setenv("TORCH_EXTENSIONS_DIR", str(cache.mkdir("native")))
            load(library.build(print))
    else:
        load(library.file())
    return torch.ops.triptych_sparse.blocks.default


@pytest.fixture(autouse=True)
def not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that layers of blocks do the same on machines where a user has compiled and has not."""
    monkeypatch.setattr(operator, "product_if_built", lambda: None)

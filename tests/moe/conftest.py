"""The fused operator, compiled once into pytest's cache: the user's own cache is left alone."""

import os
import shutil

import pytest

from triptych.moe.native.operator import Operator, operator_if_built, operator_or_none


@pytest.fixture(scope="session")
def operator(request: pytest.FixtureRequest) -> Operator:
    built = operator_if_built()
    if built is not None:  # two copies of one library cannot be in one process
        return built
    if shutil.which("g++") is None and os.environ.get("STRICT") != "1":
        pytest.skip("needs g++")
    with pytest.MonkeyPatch.context() as patch:
        cache = request.config.cache
        assert cache is not None
        patch.setenv("TORCH_EXTENSIONS_DIR", str(cache.mkdir("native")))
        compiled = operator_or_none()
    assert compiled is not None
    return compiled

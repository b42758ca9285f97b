"""Where tests compile the operators of panels: the user's own cache is left alone."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from triptych.native.compiler import library_of


@contextmanager
def in_pytests_cache(panel: str, config: pytest.Config) -> Iterator[None]:
    """Inside, a panel's operator is compiled into pytest's cache, unless the user has compiled it:
    two copies of one library cannot be in one process."""
    with pytest.MonkeyPatch.context() as patch:
        if not library_of(panel).file().exists():
            if shutil.which("g++") is None and os.environ.get("STRICT") != "1":
                pytest.skip("needs g++")
            assert config.cache is not None
            patch.setenv("TORCH_EXTENSIONS_DIR", str(config.cache.mkdir("native")))
        yield

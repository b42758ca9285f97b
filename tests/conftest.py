"""For all tests: one thread, as steps are tiny, and no deadline, as the machine may be busy."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

settings.register_profile("triptych", deadline=None)
settings.load_profile("triptych")
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def exact_small_numbers() -> Iterator[None]:
    """A run in this process flushes denormal floats to zero; the next test must not."""
    yield
    torch.set_flush_denormal(False)

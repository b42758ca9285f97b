"""For all tests: one thread, as steps are tiny, and no deadline, as the machine may be busy."""

import contextlib
import os
from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

from .browser import CHROMIUM, FLAGS
from .e2e.commands import MARK, Commands, surroundings
from .warm import Zygote

settings.register_profile("triptych", deadline=None)
settings.load_profile("triptych")
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def exact_small_numbers() -> Iterator[None]:
    """A run in this process flushes denormal floats to zero; the next test must not."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """Starts commands warm."""
    errors = tmp_path_factory.mktemp("zygote") / "errors.txt"
    with contextlib.closing(Zygote(surroundings(), MARK, errors)) as made:
        yield made


@pytest.fixture
def commands(tmp_path_factory: pytest.TempPathFactory, zygote: Zygote) -> Commands:
    """A place for the commands of one test."""
    return Commands(tmp_path_factory.mktemp("place"), python=zygote.start)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, zygote: Zygote) -> Commands:
    """A place for the commands that the tests of one file share."""
    return Commands(tmp_path_factory.mktemp("shared"), python=zygote.start)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    if not CHROMIUM.exists() and os.environ.get("STRICT") != "1":
        pytest.skip("needs Chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()

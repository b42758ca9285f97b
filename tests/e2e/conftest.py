"""Places for commands to run in."""

import pytest

from .commands import Commands


@pytest.fixture
def commands(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """A place for the commands of one test."""
    return Commands(tmp_path_factory.mktemp("place"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """A place for the commands that the tests of one file share."""
    return Commands(tmp_path_factory.mktemp("shared"))

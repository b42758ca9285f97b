from pathlib import Path

import pytest

from .in_process import Prompt


@pytest.fixture
def prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Prompt:
    return Prompt(tmp_path, monkeypatch, capfd)

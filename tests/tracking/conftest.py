"""No test here can use an account, a key or a server, whatever machine it runs on."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from triptych.tracking import close_run

NOBODY_LISTENS = "http://127.0.0.1:9"


@pytest.fixture
def no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home and no credentials, inherited by child processes; gives the home."""
    for name in list(os.environ):
        if name.startswith(("WANDB_", "MLFLOW_", "TRACKIO_", "HF_")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    for name in ("CACHE", "CONFIG", "DATA", "ARTIFACT"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(home / name.lower()))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NETRC", str(home / "netrc"))
    monkeypatch.setenv("WANDB_BASE_URL", NOBODY_LISTENS)
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    home.mkdir()
    monkeypatch.chdir(tmp_path)
    yield home
    close_run(1)
    if "wandb" in sys.modules:
        sys.modules["wandb"].teardown()  # else its session keeps this test's environment

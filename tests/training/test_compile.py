"""Trainings with trainer.compile, in a process of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def done() -> subprocess.CompletedProcess[str]:
    script = Path(__file__).with_name("compiled.py")
    environment = {**os.environ, "JAXTYPING_DISABLE": "1"}
    command = [sys.executable, "-W", "ignore", str(script)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture(scope="module")
def found(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("panel", ["ffn", "sparse", "moe"])
def test_a_compiled_panel_learns_what_it_learns_otherwise(
    found: dict[str, Any], panel: str
) -> None:
    assert found[panel]["graphs"] > 0
    assert found[panel]["difference"] < 1e-5
    assert found[panel]["same_names"]


def test_a_compiler_that_fails_is_one_line(
    found: dict[str, Any], done: subprocess.CompletedProcess[str]
) -> None:
    assert found["broken"]["difference"] == 0
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("trainer.compile="))
    assert line.startswith("trainer.compile=broken failed, so nothing is compiled: ")
    assert line.endswith("no compiler found here")

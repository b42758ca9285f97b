"""The command as a process."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "equal_time.py"

pytestmark = pytest.mark.slow


def run(place: Path, *typed: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), *typed]
    return subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, check=False
    )


def test_it_prints_the_width_to_take_and_leaves_nothing(tmp_path):
    done = run(tmp_path, "model=sparse", "model.sparsity=0.95")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert re.fullmatch(r"model=sparse: [\d.]+ ms a step", first)
    words = r"model=ffn model.d_hidden=\d+: [\d.]+ \([\d.]+ to [\d.]+\) of that, 40 rounds"
    assert re.fullmatch(words, second)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("typed", ["model.sparsity=2", "model=nothing", "trainer.max_epochs=0"])
def test_a_wrong_setting_is_one_line(tmp_path, typed):
    done = run(tmp_path, "model=sparse", typed)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1

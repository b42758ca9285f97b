"""A single run as somebody at a terminal sees it."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from triptych.result import read

from .commands import ROOT, SMALL, surroundings

pytestmark = pytest.mark.slow


def at_a_terminal(*typed: str, environment: dict[str, str]) -> str:
    """What a command shows where all of its streams are one terminal."""
    leader, follower = pty.openpty()
    streams = {"stdin": follower, "stdout": follower, "stderr": follower}
    with subprocess.Popen([sys.executable, *typed], env=environment, **streams) as process:
        os.close(follower)
        shown = b""
        while True:
            try:
                shown += os.read(leader, 4096)
            except OSError:  # so a terminal says on Linux that nobody writes any more
                break
        assert process.wait() == 0, shown.decode()
    os.close(leader)
    return shown.decode()


@pytest.mark.parametrize(("encoding", "bars"), [("utf-8", "▁▂▃▄▅▆▇█·"), ("ascii", ".:-=+*%# ")])
def test_loads_move_below_a_bar_and_a_summary_says_how_to_see_more(
    tmp_path: Path, encoding: str, bars: str
) -> None:
    folder = tmp_path / "my run"
    environment = surroundings() | {"TERM": "xterm", "COLUMNS": "100", "PYTHONIOENCODING": encoding}
    typed = (*SMALL, "model=moe", f"hydra.run.dir={folder}")
    shown = at_a_terminal(str(ROOT / "train.py"), *typed, environment=environment)
    lines = [line.strip() for line in shown.splitlines()]
    loads = [line for line in lines if line.startswith("block_1  ")]
    assert loads, shown
    assert all(set(line[len("block_1  ") :][:8]) <= set(bars) for line in loads)
    final = read(folder / "result.json").metrics["final"]
    assert any(
        line.startswith(f"train/loss {final['train/loss']:.4f}   val/loss") for line in lines
    )
    accuracy = 100 * read(folder / "result.json").metrics["test"]["test/acc"]
    assert any(line.startswith(f"test accuracy      {accuracy:.2f} %") for line in lines), shown
    assert f"see it with: python scripts/dashboard.py '{folder}'" in lines


def test_replicas_say_how_to_see_all_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "my runs"
    environment = surroundings() | {"TERM": "xterm", "COLUMNS": "100"}
    typed = (*SMALL, "replicas=2", f"hydra.run.dir={folder}")
    shown = at_a_terminal(str(ROOT / "train.py"), *typed, environment=environment)
    lines = [line.strip() for line in shown.splitlines()]
    assert f"see it with: python scripts/report.py '{folder}'" in lines
    assert any(line.startswith("2 replicas: test accuracy 0.") for line in lines), shown

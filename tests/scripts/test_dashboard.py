"""The command as a process: what it prints, writes and answers to mistakes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from triptych.result import Result, write

SCRIPT = Path(__file__).parents[2] / "scripts" / "dashboard.py"
# No desktop, whatever the machine of the test has.
VARIABLES = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}


def dashboard(*arguments: object, place: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(
        command, cwd=place, env=VARIABLES, capture_output=True, text=True, check=False
    )


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    write(Result("finished", "ffn-s0", "ffn", 0), tmp_path / "logs" / "a")
    write(Result("running", "moe-s0", "moe", 0), tmp_path / "logs" / "b")
    return tmp_path / "logs"


def test_without_arguments_it_shows_logs_and_prints_where(logs: Path):
    done = dashboard(place=logs.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "2 runs (1 finished, 1 running)",
        "Dashboard: logs/dashboard.html",
    ]
    assert (logs / "dashboard.html").is_file()


def test_the_page_can_go_elsewhere_and_what_is_unreadable_is_noted(logs: Path, tmp_path: Path):
    (logs / "b" / "result.json").write_text("[]")
    out = tmp_path / "new" / "page.html"
    done = dashboard(logs, "--out", out, "--no-open")
    assert done.returncode == 0
    assert f"note: Left out: {logs}/b/result.json is " in done.stderr
    assert out.is_file()


def test_a_mistake_is_one_line_and_exit_code_2(logs: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        ((tmp_path / "none",), f"error: no such folder: {tmp_path / 'none'}"),
        ((tmp_path / "empty",), f"error: no run below {tmp_path / 'empty'}: expected folders"),
        ((tmp_path / "none", "--watch"), f"error: no such folder: {tmp_path / 'none'}"),
        ((logs, "--out", logs), "error: "),
        ((logs, "--watch", "0"), "dashboard.py: error: argument --watch: must be 1 or more"),
        ((logs, "--watch", "often"), "dashboard.py: error: argument --watch: must be 1 or more"),
    ):
        done = dashboard(*arguments)
        assert done.returncode == 2, arguments
        assert done.stderr.splitlines()[-1].startswith(message)
        assert "Traceback" not in done.stderr


def test_watching_follows_a_run_until_ctrl_c(logs: Path):
    command = [sys.executable, str(SCRIPT), str(logs), "--watch", "1"]
    with subprocess.Popen(
        command,
        env=VARIABLES,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "2 runs (1 finished, 1 running)\n"
        process.stdout.readline()
        write(Result("finished", "moe-s0", "moe", 0), logs / "b")
        assert process.stdout.readline() == "2 runs (2 finished)\n"
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_help_does_not_load_pandas():
    command = [sys.executable, "-X", "importtime", str(SCRIPT), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--watch" in done.stdout
    assert "pandas" not in done.stderr

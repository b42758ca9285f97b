"""The command as a process: what it prints, writes and answers to mistakes."""

import subprocess
import sys
from pathlib import Path

import pytest

from triptych.result import Result, write

SCRIPT = Path(__file__).parents[2] / "scripts" / "report.py"


def report(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    metrics = {"test": {"test/acc": 0.75}}
    write(Result("finished", "ffn-s0", "ffn", 0, metrics=metrics), tmp_path / "a")
    return tmp_path / "a"


def test_it_prints_table_headline_and_page_and_writes_beside_the_run(run_folder: Path):
    done = report(run_folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "75.00 %" in done.stdout
    assert "Only ffn was trained" in done.stdout
    page = run_folder / "report" / "index.html"
    assert done.stdout.splitlines()[-1] == f"Report: {page}"
    assert page.is_file()


def test_the_folder_can_be_chosen(run_folder: Path, tmp_path: Path):
    assert report(run_folder / "result.json", "--out", tmp_path / "b").returncode == 0
    assert (tmp_path / "b" / "index.html").is_file()


def test_a_mistake_is_one_line_and_exit_code_2(tmp_path: Path):
    done = report(tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"error: no run below {tmp_path}: expected folders with a result.json"
    ]


def test_an_output_that_cannot_be_a_folder_is_one_line(run_folder: Path):
    done = report(run_folder, "--out", run_folder / "result.json")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_help_does_not_load_pandas():
    command = [sys.executable, "-X", "importtime", str(SCRIPT), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "PATH" in done.stdout
    assert "argparse" in done.stderr
    assert "pandas" not in done.stderr

"""The command that makes the page over all studies and the table of advice."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from ..report.study.made import study
from ..report.study.test_differences import level

SCRIPT = Path(__file__).parents[2] / "scripts" / "studies.py"


@pytest.fixture(scope="module")
def main():
    return runpy.run_path(str(SCRIPT))["main"]


def test_it_writes_pages_and_table_and_says_where(main, capsys, tmp_path):
    study(tmp_path / "mine", level)
    out, table = tmp_path / "out", tmp_path / "kept" / "measured.csv"
    assert main([str(tmp_path / "mine"), "--out", str(out), "--table", str(table)]) == 0
    *_, where, page = capsys.readouterr().out.splitlines()
    assert (where, page) == (f"Table: {table}", f"Report: {out / 'index.html'}")
    assert table.is_file()
    assert (out / "index.html").is_file()
    assert (out / "mine" / "index.html").is_file()


def test_a_folder_without_a_study_is_one_line(main, capsys, tmp_path):
    assert main([str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    printed = capsys.readouterr()
    message = f"error: {tmp_path}: there is no study.json in that folder\n"
    assert (printed.out, printed.err) == ("", message)


def test_help_does_not_load_pandas():
    command = [sys.executable, "-X", "importtime", str(SCRIPT), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--table" in done.stdout
    assert "pandas" not in done.stderr

"""The command that times the trained nets of a study."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from triptych.result import find, write

from ..report.study.made import study
from ..report.study.test_differences import level

SCRIPT = Path(__file__).parents[2] / "scripts" / "latency.py"


@pytest.fixture(scope="module")
def main():
    return runpy.run_path(str(SCRIPT))["main"]


def test_a_folder_without_a_study_is_one_line(main, capsys, tmp_path):
    assert main([str(tmp_path)]) == 2
    printed = capsys.readouterr()
    message = f"error: {tmp_path}: there is no study.json in that folder\n"
    assert (printed.out, printed.err) == ("", message)


def test_a_study_of_which_nothing_has_finished_is_one_line(main, capsys, tmp_path):
    study(tmp_path, level)
    for run, result in find(tmp_path):
        result.status = "interrupted"
        write(result, run)
    assert main([str(tmp_path), "--quick"]) == 2
    message = f"error: {tmp_path}: none of the runs that are compared has finished yet\n"
    assert capsys.readouterr().err == message


def test_a_checkpoint_that_is_gone_is_one_line(main, capsys, tmp_path):
    study(tmp_path, level)
    assert main([str(tmp_path), "--quick"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ckpt_path=")
    assert printed.count("\n") == 1


def test_help_does_not_load_torch():
    command = [sys.executable, "-X", "importtime", str(SCRIPT), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--quick" in done.stdout
    assert "torch" not in done.stderr

"""The command, and that docs/scaling.md shows what it prints."""

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "scaling.py"
SHOWN = re.findall(
    r"^```\n\$ python scripts/scaling\.py (.*?)\n(.*?)^```",
    (ROOT / "docs" / "scaling.md").read_text(),
    flags=re.M | re.S,
)


@pytest.fixture(scope="module")
def main():
    return runpy.run_path(str(SCRIPT))["main"]


@pytest.mark.parametrize(("typed", "shown"), SHOWN, ids=[typed for typed, _ in SHOWN])
def test_the_document_shows_what_the_command_prints(main, capsys, typed, shown) -> None:
    assert main(shlex.split(typed)) == 0
    assert capsys.readouterr().out == shown


def test_the_document_has_examples_at_8_64_and_1024_devices() -> None:
    assert [re.findall(r"--devices (\d+)", typed) for typed, _ in SHOWN] == [
        ["8"],
        ["64"],
        ["1024"],
    ]


def test_one_device_sends_nothing(main, capsys) -> None:
    assert main(["--devices", "1"]) == 0
    _, *rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 5
    assert all("one device" in row and row.endswith("0.000") for row in rows)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("--devices 0", "--devices 0 must be above 0"),
        ("--bandwidth nan", "--bandwidth nan must be above 0"),
        ("--density 1.5", "--density 1.5 must be at most 1: a share of the weights"),
        ("--top-k 9 --experts 8", "--top-k 9 must be at most --experts 8"),
        (
            "--devices 6 --expert-ranks 4",
            "--expert-ranks 4 must divide --devices 6 and --experts 64",
        ),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(main, capsys, typed, message) -> None:
    assert main(typed.split()) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"error: {message}\n")


def test_help_does_not_load_torch() -> None:
    command = [sys.executable, "-X", "importtime", str(SCRIPT), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--bandwidth" in done.stdout
    assert "argparse" in done.stderr
    assert "torch" not in done.stderr

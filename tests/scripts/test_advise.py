"""The command: what it says and what it answers to mistakes."""

import re
import runpy
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from triptych.report.advice import write_table

from ..report.advice.made import TASK, cell

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "advise.py"
SHOWN = re.findall(
    r"^```\n\$ python scripts/advise\.py (.*?)\n(.*?)^```",
    (ROOT / "README.md").read_text(),
    flags=re.M | re.S,
)
PLAIN = "--samples 1000 --features 32 --classes 2"


@pytest.fixture(scope="module")
def main():
    return runpy.run_path(str(SCRIPT))["main"]


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    """Two studies in which the mixture is ahead, at 1000 and 1100 samples."""
    later = {"task": replace(TASK, samples=1100), "study": "later"}
    rows = [*cell("a", "moe"), *cell("b", "moe", **later)]
    return write_table(rows, tmp_path_factory.mktemp("table") / "measured.csv")


def advise(main, capsys, typed: str) -> list[str]:
    assert main(shlex.split(typed)) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(("typed", "shown"), SHOWN, ids=[typed for typed, _ in SHOWN])
def test_the_readme_shows_what_the_command_prints(main, capsys, typed, shown):
    assert advise(main, capsys, typed) == shown.splitlines()


def test_the_readme_shows_one():
    assert SHOWN


def test_the_answer_stands_beside_its_evidence_its_range_and_its_check(main, capsys, table):
    lines = advise(main, capsys, f"{PLAIN} --rules 8 --table {table}")
    assert lines[0] == "Advice: moe."
    assert lines[1] == (
        "plain, a: 1,000 samples, 32 features, 2 classes, 4 rules; away by rules 2 times;"
        " 18 runs, code 0123456789, cpu"
    )
    assert lines[2].split() == [
        *("moe", "moe", "95.00", "%", "6", "seeds"),
        *("300", "FLOPs", "3,000", "parameters", "best", "mean"),
    ]
    assert [line.split()[-1] for line in lines[3:5]] == ["behind", "behind"]
    assert lines[5] == (
        "Measured so far: 1,000 to 1,100 samples, 32 features, 2 classes, 4 rules."
        " The request lies outside: rules by 2 times."
    )
    assert lines[6:] == [
        f"Held-out check, each {what} predicted from the others: the rule answers in 2 of 2 cells"
        " and is right in 2; always dense in 0, always moe in 2. The rule is no better than always"
        " moe."
        for what in ("cell", "study")
    ]


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        (
            "--samples 1000 --features 4096 --classes 2",
            "features=4,096 is outside of what was measured (32) by 128 times, more than 4 times",
        ),
        (f"{PLAIN} --budget-flops 50", "within the budget no two panels were compared near it"),
    ],
)
def test_without_evidence_it_says_so_and_what_to_run(main, capsys, table, typed, reason):
    first, *others = advise(main, capsys, f"{typed} --table {table}")
    assert first.startswith(f"No evidence: {reason}. Measure it: `make compare`")
    assert len(others) == 1


def test_a_budget_leaves_out_what_is_too_dear(main, capsys, table):
    lines = advise(main, capsys, f"{PLAIN} --budget-flops 200 --table {table}")
    assert lines[0].startswith("Advice: dense (100 FLOPs) or sparse (200 FLOPs). None of them")
    assert not any(line.lstrip().startswith("moe") for line in lines)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("--samples -1 --features 32 --classes 2", "--samples -1 must be at least 1"),
        ("--samples 1 --features 32 --classes 1", "--classes 1 must be at least 2"),
        (f"{PLAIN} --rules many", "--rules many must be at least 1, or unknown"),
        (f"{PLAIN} --rules 0", "--rules 0 must be at least 1, or unknown"),
        (f"{PLAIN} --budget-params nan", "--budget-params nan must be above 0"),
        (f"{PLAIN} --table none.csv", "none.csv: there is no such table; `make study` makes one"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(main, capsys, typed, message):
    assert main(shlex.split(typed)) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"error: {message}\n")


def test_as_a_process_it_refuses_an_unknown_flag_and_loads_nothing_heavy_for_it():
    command = [sys.executable, "-X", "importtime", str(SCRIPT), *PLAIN.split(), "--layers", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].endswith("error: unrecognized arguments: --layers 3")
    assert "argparse" in done.stderr
    assert not re.search(r"\| +(numpy|scipy|pandas|torch)$", done.stderr, flags=re.M)


def test_as_a_process_it_advises_from_the_committed_table_without_torch():
    command = [sys.executable, "-X", "importtime", str(SCRIPT), *PLAIN.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.match("Advice: |Depends |No evidence: ", done.stdout)
    assert "triptych.report" in done.stderr
    assert not re.search(r"\| +(torch|lightning)$", done.stderr, flags=re.M)

"""What a user waits for without training: help, the configuration, and the first mistakes."""

from pathlib import Path

import pytest

from .commands import ROOT, Commands

pytestmark = pytest.mark.slow

# Runs a script as typed, then fails if it imported what takes seconds.
WATCHED = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    code = end.code
heavy = {"torch", "lightning", "wandb", "pandas", "matplotlib", "scipy"} & set(sys.modules)
sys.exit(f"imported {sorted(heavy)}" if heavy else code)
"""


@pytest.fixture(scope="module")
def watched(shared: Commands) -> Path:
    file = shared.place / "watched.py"
    file.write_text(WATCHED)
    return file


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        (["train.py", "--help"], ", ffn, gshard, moe, "),
        (["train.py", "--cfg", "job"], "seed: 0"),
        (["eval.py", "--help"], "ckpt_path: null"),
        (["scripts/report.py", "--help"], "run or sweep folder"),
        (["scripts/export.py", "--help"], "format: null"),
    ],
    ids=["train help", "train config", "eval help", "report help", "export help"],
)
def test_help_and_configuration_need_no_heavy_import(
    commands: Commands, watched: Path, typed: list[str], shown: str
) -> None:
    outcome = commands.cold.script(str(watched), str(ROOT / typed[0]), *typed[1:])
    assert outcome.code == 0, outcome.err
    assert shown in outcome.out
    assert list(commands.place.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        (["sead=1"], "did you mean 'seed'?"),
        (["-m", "model=ffn,moe", "model.top_k=1,2"], "panel 'ffn' has no knob 'top_k'"),
        (["model=fnn"], "model/fnn"),
    ],
    ids=["root key", "sweep", "group"],
)
def test_a_typing_error_needs_no_heavy_import(
    commands: Commands, watched: Path, typed: list[str], named: str
) -> None:
    outcome = commands.cold.script(str(watched), str(ROOT / "train.py"), *typed)
    assert outcome.code == 1
    (line,) = outcome.err.splitlines()
    assert line.startswith("error: ")
    assert named in line
    assert not list(commands.place.rglob("result.json"))


def test_a_training_imports_nothing_that_only_reports_need(commands: Commands) -> None:
    code = (
        "import sys, triptych.run; print(*{'pandas', 'plotly', 'triptych.report'} & {*sys.modules})"
    )
    (commands.place / "imports.py").write_text(code)
    outcome = commands.cold.script(str(commands.place / "imports.py"))
    assert (outcome.code, outcome.out.strip()) == (0, "")


def test_settings_that_cannot_work_end_two_processes_with_one_line(commands: Commands) -> None:
    outcome = commands.train("trainer.devices=2", "data.batch_size=127")
    assert outcome.code == 1
    assert outcome.err.splitlines() == outcome.errors
    assert "data.batch_size=127 cannot be divided over 2 devices" in outcome.errors[0]
    assert outcome.result.status == "failed"


def test_settings_that_do_not_fit_together_fail_a_single_run(commands: Commands) -> None:
    outcome = commands.train("model=moe", "model.top_k=9")
    assert outcome.code == 1
    assert outcome.err.splitlines() == outcome.errors
    assert "top_k must be in [1, num_experts=8], got 9" in outcome.errors[0]
    assert outcome.result.status == "failed"


def test_a_loss_that_is_no_number_ends_two_processes_with_one_error(commands: Commands) -> None:
    outcome = commands.train("model.lr=1e9", "trainer.devices=2")
    assert outcome.code == 1
    (line,) = outcome.errors
    assert "the training loss is not a finite number at step " in line
    assert "Traceback" not in outcome.err
    assert outcome.result.status == "failed"

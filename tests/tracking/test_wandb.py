import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lightning.fabric.loggers.logger import _DummyExperiment
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.callbacks import ModelCheckpoint

from triptych.errors import InvalidSetting
from triptych.evaluations import Evaluation
from triptych.tracking import WandbLogger, close_run
from triptych.tracking.flat import flattened
from triptych.tracking.wandb import agent_run, choose_mode

from . import tiny
from .test_flat import TABLES
from .wandb_log import closed_runs

SUMMARY = {"val/acc": "max,last", "val/loss": "min,last"}
CONFIG = {"seed": 0, "model": {"name": "moe", "router": {"top_k": 2, "noise": None}}}
NEVER: Any = pytest.fail


def logger(name: str, **settings: Any) -> WandbLogger:
    return WandbLogger("logs", name=name, **{"mode": "offline", "summary": SUMMARY, **settings})


@pytest.mark.parametrize(
    ("mode", "variable", "logged_in", "expected"),
    [
        ("auto", "", True, "online"),
        ("auto", "", False, "offline"),
        ("auto", "disabled", True, "disabled"),
        ("online", "offline", True, "offline"),
        ("offline", "online", True, "online"),
        ("disabled", "dryrun", True, "offline"),
        ("offline", "", True, "offline"),
        ("online", "", False, "online"),
    ],
)
def test_the_environment_wins_over_the_configuration(
    mode: str, variable: str, logged_in: bool, expected: str
) -> None:
    chosen, _ = choose_mode(mode, {"WANDB_MODE": variable}, lambda: logged_in)
    assert chosen == expected


def test_credentials_are_looked_for_only_where_they_decide() -> None:
    assert choose_mode("offline", {}, lambda: NEVER("asked"))[0] == "offline"


def test_only_an_agent_of_a_sweep_gives_a_run_its_identity() -> None:
    assert agent_run({"WANDB_RUN_ID": "run7", "WANDB_SWEEP_ID": "sweep1"}) == "run7"
    assert agent_run({"WANDB_RUN_ID": "run7"}) is None
    assert agent_run({"WANDB_RUN_ID": "run7", "WANDB_SWEEP_ID": ""}) is None


@pytest.mark.parametrize(
    ("mode", "variables", "message"),
    [
        ("of", {}, r"^logger\.wandb\.mode=of is unknown: choose one of auto, online"),
        ("auto", {"WANDB_MODE": "onlin"}, r"^WANDB_MODE=onlin is unknown: choose one of"),
    ],
)
def test_an_unknown_mode_names_its_source(
    mode: str, variables: dict[str, str], message: str
) -> None:
    with pytest.raises(InvalidSetting, match=message):
        choose_mode(mode, variables, lambda: False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"summary": {"val/*": "max"}}, r"val/\* must be an exact metric name"),
        ({"summary": {"val/acc": "best"}}, "val/acc=best is not a list of first, last, max"),
        ({"checkpoints": "perhaps"}, "checkpoints=perhaps must be true or false"),
        ({"mode": "of"}, "logger.wandb.mode=of is unknown"),
    ],
)
def test_a_wrong_setting_fails_before_a_run_opens(
    no_account: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidSetting, match=message):
        logger("moe-s0", **settings)
    assert not list(Path().glob("logs/wandb/*"))


def test_a_folder_that_cannot_be_written_is_refused(no_account: Path) -> None:
    Path("logs").write_text("a file")
    with pytest.raises(InvalidSetting, match=r"^logger\.wandb\.folder=\S+/logs/wandb cannot be"):
        logger("moe-s0")


@pytest.mark.wandb_protocol
def test_a_run_is_complete(no_account: Path) -> None:
    adapter = logger("moe-s0", project="p", group="sweep", job_type="moe", tags=["moe", "a"])
    adapter.log_hyperparams(CONFIG)
    runner = tiny.fit([adapter])
    runner.test(runner.lightning_module, tiny.rows(4), verbose=False)
    close_run(0)
    (run,) = closed_runs(Path("logs"))
    assert (run.exit_code, run.project, run.name) == (0, "p", "moe-s0")
    assert (run.group, run.job_type, run.tags) == ("sweep", "moe", ["moe", "a"])
    assert {key: run.config[key] for key in CONFIG} == CONFIG
    assert run.curve("val/acc") == list(zip(tiny.VALIDATION_STEPS, [1.0, 0.75], strict=True))
    assert [step for step, _ in run.curve("train/loss")] == tiny.VALIDATION_STEPS
    assert run.curve("test/acc") == [(tiny.TEST_STEP, 0.5)]
    assert run.summary["val/acc"] == {"max": 1.0, "last": 0.75}
    losses = [loss for _, loss in run.curve("val/loss")]
    assert run.summary["val/loss"] == {"min": min(losses), "last": losses[-1]}
    assert run.step_metrics["*"] == run.step_metrics["val/acc"] == "trainer/global_step"


@pytest.mark.wandb_protocol
def test_the_tables_of_a_test_become_tables_and_a_heatmap_for_each_layer(no_account: Path) -> None:
    adapter = logger("moe-s0")
    for split, step in (("val", 3), ("test", 7)):
        adapter.log_tables(Evaluation(split, step, TABLES))
    close_run(0)
    (run,) = closed_runs(Path("logs"))
    (row,) = [row for row in run.history if "tables/routing" in row]  # nothing for the validation
    assert row["trainer/global_step"] == 7
    (files,) = Path("logs/wandb").glob("offline-run-*/files")
    found = {key: node for key, node in row.items() if key.startswith("tables/")}
    read = {key: json.loads((files / node["path"]).read_text()) for key, node in found.items()}
    for name, flat in flattened(TABLES).items():
        assert read[f"tables/{name}"]["columns"] == list(flat.columns)
        assert read[f"tables/{name}"]["data"] == [list(row) for row in flat.rows]
    assert len(read) == 5
    heatmaps = row["heatmaps/routing"]
    assert heatmaps["captions"] == ["block_0"]
    for file in heatmaps["filenames"]:
        assert (files / file).read_bytes().startswith(b"\x89PNG")


@pytest.mark.wandb_protocol
def test_two_runs_in_one_process_stay_two_and_a_failure_is_recorded_as_one(
    no_account: Path,
) -> None:
    for name, fails in (("ffn-s0", True), ("moe-s0", False)):
        adapter = logger(name)
        adapter.log_hyperparams({"model": {"name": name}})
        try:
            tiny.fit([adapter], fails=fails)
        except ArithmeticError:
            close_run(1)
        else:
            close_run(0)
    failed, finished = closed_runs(Path("logs"))
    assert (failed.name, failed.exit_code) == ("ffn-s0", 1)
    assert (finished.name, finished.exit_code) == ("moe-s0", 0)
    for run, steps in ((failed, [3]), (finished, [3, 7])):
        assert run.config["model"] == {"name": run.name}
        assert [step for step, _ in run.curve("val/acc")] == steps
    assert failed.id != finished.id


@pytest.mark.wandb_protocol
def test_each_run_is_written_below_the_directory_that_its_logger_was_made_in(
    no_account: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("first", "second"):
        (tmp_path / place).mkdir()
        monkeypatch.chdir(tmp_path / place)
        logger(place).log_metrics({"val/acc": 1.0}, 0)
        close_run(0)
    for place in ("first", "second"):
        assert [run.name for run in closed_runs(tmp_path / place / "logs")] == [place]


@pytest.mark.wandb_protocol
def test_without_a_key_auto_goes_offline_with_one_line_that_tells_how_to_upload(
    no_account: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = dict(os.environ)
    adapter = logger("moe-s0", mode="auto")
    adapter.log_metrics({"val/acc": 1.0}, 0)
    adapter.finalize("success")
    close_run(0)
    lines = [line for line in capfd.readouterr().err.splitlines() if line]
    (folder,) = Path("logs/wandb").glob("offline-run-*")
    assert len(lines) == 1
    assert lines[0].startswith("wandb: offline (not logged in)")
    assert lines[0].endswith(f"wandb sync {folder.absolute()}")
    assert closed_runs(Path("logs"))[0].curve("val/acc") == [(0, 1.0)]
    assert os.environ.get("WANDB_MODE") == before.get("WANDB_MODE") is None


@pytest.mark.slow
@pytest.mark.wandb_protocol
def test_a_server_out_of_reach_turns_the_run_offline(
    no_account: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    adapter = logger("moe-s0", mode="auto", init_timeout_s=1.0)
    adapter.log_metrics({"val/acc": 1.0}, 0)
    adapter.finalize("success")
    close_run(0)
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "wandb sync" in line]
    assert line.startswith("wandb: offline (Failed to get")
    (run,) = closed_runs(Path("logs"))
    assert (run.exit_code, run.curve("val/acc")) == (0, [(0, 1.0)])


def test_online_without_a_key_is_one_clear_line(no_account: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"^logger\.wandb\.mode=online: No API key[^\n]*$"):
        logger("moe-s0", mode="online").log_metrics({"val/acc": 1.0}, 0)


def test_disabled_leaves_no_trace(no_account: Path, capfd: pytest.CaptureFixture[str]) -> None:
    adapter = logger("moe-s0", mode="disabled")
    adapter.log_hyperparams(CONFIG)
    adapter.log_metrics({"val/acc": 1.0}, 0)
    adapter.finalize("success")
    close_run(0)
    assert list(Path().iterdir()) == [no_account.relative_to(Path.cwd())]
    assert capfd.readouterr().err == ""


def test_another_rank_opens_no_run(no_account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    adapter = logger("moe-s0")
    adapter.log_hyperparams(CONFIG)
    adapter.log_metrics({"val/acc": 1.0}, 0)
    adapter.log_tables(Evaluation("test", 0, TABLES))
    adapter.finalize("success")
    assert isinstance(adapter.experiment, _DummyExperiment)
    assert not Path("logs").exists()


def test_closing_where_no_run_is_open_does_nothing(no_account: Path) -> None:
    close_run(0)
    close_run(1)


def test_wandb_is_not_imported_before_a_run_opens(no_account: Path) -> None:
    code = (
        "import sys, triptych.tracking as t; t.WandbLogger('logs', mode='offline');"
        "t.close_run(0); assert 'wandb' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


TWO_RANKS = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("tiny", sys.argv[1])
tiny = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tiny)
from triptych.tracking import CsvLogger, WandbLogger, close_run
wandb = WandbLogger("logs", mode="offline", name="moe-s0")
wandb.log_hyperparams({"model": {"name": "moe"}})
tiny.fit([CsvLogger("run"), wandb], devices=2, strategy="ddp")
close_run(0)
"""


@pytest.mark.slow
@pytest.mark.wandb_protocol
def test_two_ranks_make_one_run_and_one_table(no_account: Path) -> None:
    script = Path("two_ranks.py")
    script.write_text(TWO_RANKS)
    command = [sys.executable, str(script.resolve()), str(Path(tiny.__file__))]
    subprocess.run(command, check=True, timeout=300)
    (run,) = closed_runs(Path("logs"))
    assert run.exit_code == 0
    assert run.config["model"] == {"name": "moe"}
    assert run.curve("val/acc") == [(1, 1.0), (3, 0.75)]  # each rank has half of the batches
    lines = Path("run/metrics.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["step", "1", "3"]


@pytest.mark.wandb_protocol
@pytest.mark.parametrize("kept", [True, False])
def test_the_best_checkpoint_is_kept_once_where_that_is_asked_for(
    no_account: Path, kept: bool
) -> None:
    adapter = logger("moe-s0", checkpoints=kept)
    best = ModelCheckpoint("checkpoints", filename="best", monitor="val/acc", mode="max")
    runner = tiny.fit([adapter], enable_checkpointing=True, callbacks=[best])
    runner.test(runner.lightning_module, tiny.rows(4), verbose=False)
    close_run(0)
    (run,) = closed_runs(Path("logs"))
    assert run.artifacts == ([(f"best-{run.id}", "model", ["best", "latest"])] if kept else [])
    assert run.curve("test/acc")

import shutil

import pandas as pd
import pytest
from omegaconf import OmegaConf

from .commands import Commands, Outcome, checkpoint

pytestmark = pytest.mark.slow

PANELS = ("ffn", "sparse", "moe")
TABLES = {
    "ffn": {"classes", "families", "confusion", "calibration"},
    "sparse": {"classes", "families", "confusion", "calibration", "density"},
    "moe": {"classes", "families", "confusion", "calibration", "routing"},
}


@pytest.fixture(scope="module", params=PANELS)
def run(request: pytest.FixtureRequest, shared: Commands) -> Outcome:
    return shared.train(f"model={request.param}", name=request.param)


def test_a_run_succeeds_and_says_where_it_is(run: Outcome) -> None:
    assert run.code == 0, run.err
    (line,) = run.out.splitlines()
    accuracy = run.result.metrics["test"]["test/acc"]
    assert line == f"{run.folder.name}-s0: test accuracy {accuracy:.4f}, in {run.folder}"
    assert f"{run.folder.name}, seed 0: epoch 2 of 2" in run.err


def test_the_run_folder_holds_what_a_report_needs_and_nothing_half_written(run: Outcome) -> None:
    held = {str(p.relative_to(run.folder)) for p in run.folder.rglob("*") if p.is_file()}
    assert {p for p in held if not p.startswith(".hydra/")} == {
        "result.json",
        "metrics.csv",
        "tables.jsonl",
        "config.yaml",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
    }


def test_the_result_has_no_empty_field(run: Outcome) -> None:
    result = run.result
    assert (result.status, result.panel, result.seed) == ("finished", run.folder.name, 0)
    assert result.error is None
    may_be = ("seed", "resumed_from", "ended_early", "match")
    empty = [k for k, v in vars(result).items() if v in ("", {}, [], 0.0) and k not in may_be]
    assert empty == []
    assert (result.epochs, result.steps) == (2, 8)  # 512 samples in batches of 128
    assert result.metrics["final"].keys() >= {"train/loss", "train/acc", "val/loss", "val/acc"}
    assert result.metrics["best"].keys() == {"val/acc"}
    assert result.metrics["test"].keys() >= {"test/loss", "test/acc", "test/f1", "test/ece"}
    assert result.tables.keys() == TABLES[result.panel]
    assert sum(map(sum, result.tables["confusion"])) == 128  # n_test
    assert result.seconds.keys() == {"fit", "test", "total"}
    assert result.seconds["total"] >= result.seconds["fit"] + result.seconds["test"]
    assert result.device["processes"] == 1
    assert result.cost["flops"] > 0
    assert result.command.startswith("python train.py debug=fast logger=csv")


def test_the_metrics_table_has_one_row_per_epoch_and_one_for_the_test(run: Outcome) -> None:
    table = pd.read_csv(run.folder / "metrics.csv")
    assert table["step"].tolist() == [3, 7, 8]
    epochs = table.iloc[:2]
    columns = [c for c in table.columns if c.startswith(("train/", "val/", "time/", "lr"))]
    assert {"train/loss", "val/loss", "lr"} <= set(columns)
    compared = [c for c in columns if "/churn" in c]  # with the epoch before: the first has none
    assert epochs[columns].drop(columns=compared).notna().all(axis=None)
    assert epochs[compared].iloc[1:].notna().all(axis=None)
    assert table["test/acc"].notna().tolist() == [False, False, True]
    final = run.result.metrics["final"]
    assert epochs["val/loss"].iloc[-1] == final["val/loss"]
    assert run.result.metrics["best"]["val/acc"] == epochs["val/acc"].max()


def test_the_configuration_is_resolved_and_builds_the_same_run(run: Outcome) -> None:
    text = (run.folder / "config.yaml").read_text()
    assert "${" not in text
    assert OmegaConf.to_container(OmegaConf.create(text)) == run.result.config


def test_checkpoints_load_without_executing_anything(run: Outcome) -> None:
    for name in ("best", "last"):
        content = checkpoint(run.folder / "checkpoints" / f"{name}.ckpt")
        assert content["triptych"]["config"] == run.result.config


def test_eval_repeats_the_test_bit_for_bit_from_the_file_alone(
    run: Outcome, commands: Commands
) -> None:
    alone = shutil.copy(run.folder / "checkpoints" / "best.ckpt", commands.place / "alone.ckpt")
    assert commands.cold.evaluate(alone) == run.result.metrics["test"]
    assert {p.suffix for p in commands.place.iterdir()} == {".ckpt", ".json"}, "eval left files"


@pytest.mark.parametrize("run", ["moe"], indirect=True)
def test_eval_prints_the_metrics_beside_those_that_the_run_logged(
    run: Outcome, commands: Commands
) -> None:
    path = run.folder / "checkpoints" / "best.ckpt"
    outcome = commands.script("eval.py", f"ckpt_path={path}")
    logged = run.result.metrics["test"]
    shown = [line.split() for line in outcome.out.splitlines()]
    assert shown == [
        [key, f"{value:.6f}", "logged", f"{value:.6f}"] for key, value in sorted(logged.items())
    ]

"""The table: from runs to a file and back."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from triptych.errors import InvalidSetting
from triptych.report.advice import Task, measured_rows, read_table, write_table

from ..study.made import study
from .made import row

EVIDENCE = Path(__file__).parents[3] / "evidence"


def config(trial):
    data = {"_target_": "triptych.data.ClustersData", "n_train": 500, "d_in": 32, "num_clusters": 4}
    router = "HashTopK" if trial.arm == "hash" else "SoftmaxTopK"
    panel = "SingleExpertPanel" if trial.arm == "single" else "DensePanel"
    model = {"router": f"triptych.moe.{router}", "panel": f"triptych.models.{panel}"}
    return {"data": data, "model": {part: {"_target_": name} for part, name in model.items()}}


def test_a_table_is_read_as_it_was_written(tmp_path):
    rows = [row("a", "dense", 0.9), row("b", "moe", 0.8, control=True, label_noise=0.1)]
    assert read_table(write_table(rows, tmp_path / "new" / "measured.csv")) == rows


def test_what_is_not_known_stays_unknown(tmp_path):
    written = row("a", "dense", 0.9, task=Task(10, None, None, None), flops=math.nan)
    (found,) = read_table(write_table([written], tmp_path / "measured.csv"))
    assert found.task == written.task
    assert math.isnan(found.flops)
    assert replace(found, flops=0.0) == replace(written, flops=0.0)


def test_rows_are_what_the_runs_of_a_study_scored(tmp_path):
    arms = {"dense": ["model=ffn"], "hash": ["model=moe"], "single": ["model=ffn"]}
    outcomes = study(tmp_path, lambda run: 0.9, config=config, arms=arms)
    rows = measured_rows("mine", outcomes)
    assert [(r.cell, r.arm, r.panel, r.control) for r in rows] == [
        ("K=1", "dense", "dense", False),
        ("K=1", "hash", "moe", True),
        ("K=1", "single", "dense", True),
        ("K=32", "dense", "dense", False),
        ("K=32", "hash", "moe", True),
        ("K=32", "single", "dense", True),
    ]
    assert rows[0].task == Task(500, 32, 2, 4)
    assert rows[0].scores == outcomes.scores("K=1", "dense")
    assert (rows[0].training_flops, rows[0].fit_seconds) == (1e9, 1.0)


def test_an_arm_without_a_score_is_in_no_row(tmp_path):
    outcomes = study(tmp_path, lambda run: math.nan if run.arm == "moe" else 0.9, config=config)
    assert {r.arm for r in measured_rows("mine", outcomes)} == {"dense"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no such table"),
        ("study,cell\n", "is no table of studies: it has no arm, "),
        ("flops=many", "line 2: could not convert string to float: 'many'"),
        ("samples=few", "line 2: invalid literal"),
        ("scores=", "line 2: no scores"),
        ("scores=0.5", "line 2: not enough values"),
    ],
)
def test_what_is_no_table_is_one_line(tmp_path, text, message):
    file = tmp_path / "measured.csv"
    if text is not None and "\n" in text:
        file.write_text(text)
    elif text is not None:
        name, _, value = text.partition("=")
        write_table([row("a", "dense", 0.9)], file)
        with file.open() as opened:
            (line,) = csv.DictReader(opened)
        pd.DataFrame([{**line, name: value}]).to_csv(file, index=False)
    with pytest.raises(InvalidSetting) as error:
        read_table(file)
    assert message in str(error.value)
    assert str(error.value).startswith(str(file))
    assert "\n" not in str(error.value)


def test_the_committed_table_has_the_accuracies_of_the_committed_evidence():
    ours = {(r.study, r.cell, r.arm): r for r in read_table(EVIDENCE / "measured.csv")}
    folders = [file.parent for file in EVIDENCE.glob("*/arms.csv")]
    assert {study for study, _, _ in ours} == {folder.name for folder in folders}
    for folder in folders:
        for line in pd.read_csv(folder / "arms.csv").to_dict("records"):
            mine = ours[folder.name, line["cell"], line["arm"]]
            mean = sum(mine.scores.values()) / len(mine.scores)
            assert (len(mine.scores), mine.flops) == (line["seeds"], pytest.approx(line["flops"]))
            assert mean == pytest.approx(line["test_acc"], abs=1e-7)

import math
from pathlib import Path

import pytest

from triptych.errors import InvalidSetting
from triptych.report.runs import curves_frame, load_runs, runs_frame


def test_settings_come_as_dense_sparse_moe_with_seeds_in_order(nine_runs: Path):
    runs = load_runs([nine_runs])
    assert runs.settings == ("ffn", "sparse", "moe")
    assert [run.result.seed for run in runs.of("moe")] == [0, 1, 2]


def test_numeric_knobs_are_ordered_by_value(write_run, fake, tmp_path):
    for top_k in (16, 2, 8):
        overrides = ["model=moe", f"model.top_k={top_k}"]
        write_run(fake("moe", 0, 0.9, overrides=overrides), f"k{top_k}")
    expected = ("moe, top_k=2", "moe, top_k=8", "moe, top_k=16")
    assert load_runs([tmp_path]).settings == expected


def test_unfinished_runs_are_set_aside(write_run, fake, tmp_path):
    write_run(fake("ffn", 0, 0.9))
    for seed, status in enumerate(("failed", "skipped", "interrupted", "running"), 1):
        write_run(fake("ffn", seed, 0.1, status=status))
    runs = load_runs([tmp_path])
    assert runs.accuracy("ffn") == {0: 0.9}
    assert len(runs.others) == 4


def test_of_a_repeated_run_the_one_that_ended_last_counts_and_a_note_says_so(
    write_run, fake, tmp_path
):
    # 11:30 UTC ends before 11:00 at UTC-1: text order would choose wrongly.
    write_run(fake("ffn", 0, 0.7, ended="2001-01-01T11:00:00-01:00"), "a")
    write_run(fake("ffn", 0, 0.6, ended="2001-01-01T11:30:00+00:00"), "b")
    runs = load_runs([tmp_path])
    assert runs.accuracy("ffn") == {0: 0.7}
    assert "2 finished runs with the same configuration" in runs.notes[0]


def test_a_repeat_with_another_configuration_is_noted_as_such(write_run, fake, tmp_path):
    write_run(fake("ffn", 0, 0.7, config_hash="one"), "a")
    write_run(fake("ffn", 0, 0.6, config_hash="two"), "b")
    assert "different configurations" in load_runs([tmp_path]).notes[0]


def test_a_missing_accuracy_is_nan_and_enters_no_scores(write_run, fake, tmp_path):
    write_run(fake("ffn", 0, 0.7, metrics={"final": {"val/acc": 0.5}}))
    runs = load_runs([tmp_path])
    assert math.isnan(runs.finished[0].test_accuracy)
    assert runs.accuracy("ffn") == {}


def test_settings_are_ranked_by_their_mean(nine_runs: Path):
    assert load_runs([nine_runs]).ranked() == ["moe", "ffn", "sparse"]


def test_tables_hold_one_row_per_run_and_per_epoch(nine_runs: Path):
    runs = load_runs([nine_runs])
    table = runs_frame(runs)
    assert len(table) == 9
    assert set(table["status"]) == {"finished"}
    assert len(curves_frame(runs)) == 9 * 12


def test_several_rows_of_one_epoch_are_merged(write_run, fake, tmp_path):
    folder = write_run(fake("ffn", 0, 0.7))
    (folder / "metrics.csv").write_text("epoch,train/loss,val/acc\n0,1.5,\n0,,0.5\n1,1.0,0.6\n")
    curve = load_runs([tmp_path]).finished[0].curve
    assert curve.to_dict("list") == {
        "epoch": [0, 1],
        "train/loss": [1.5, 1.0],
        "val/acc": [0.5, 0.6],
    }


def test_a_curve_may_have_hundreds_of_columns(write_run, fake, tmp_path):
    """Each family has an accuracy of its own."""
    folder = write_run(fake("moe", 0, 0.7))
    names = [f"test/acc/family/cluster_{k}" for k in range(200)]
    lines = [["epoch", *names], ["0"] + [""] * 200, ["0"] + ["0.5"] * 200]
    (folder / "metrics.csv").write_text("".join(",".join(line) + "\n" for line in lines))
    assert load_runs([tmp_path]).finished[0].curve.loc[0, names].tolist() == [0.5] * 200


@pytest.mark.parametrize("text", ["", "step,loss\n1,2\n"])
def test_a_curve_without_epochs_is_empty(write_run, fake, tmp_path, text):
    folder = write_run(fake("ffn", 0, 0.7))
    (folder / "metrics.csv").write_text(text)
    runs = load_runs([tmp_path])
    assert runs.finished[0].curve.empty
    assert curves_frame(runs).empty


def test_a_folder_without_runs_is_named(tmp_path):
    with pytest.raises(InvalidSetting, match="no run below"):
        load_runs([tmp_path])
    with pytest.raises(InvalidSetting, match="no such folder"):
        load_runs([tmp_path / "absent"])


def test_a_broken_record_alone_is_named(tmp_path):
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(InvalidSetting, match=r"result\.json is not a result"):
        load_runs([tmp_path])

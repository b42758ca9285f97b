from pathlib import Path

import pytest
import torch

from triptych.errors import InvalidSetting
from triptych.evaluations import Evaluation, read, to_text
from triptych.run.checkpoint import carry_logs, check_resumable
from triptych.training.callbacks.run_in_checkpoint import KEY

CONFIG = {
    "seed": 0,
    "data": {"n_train": 8},
    "model": {"lr": 0.1, "panel": {"d_hidden": 4}},
    "optimizer": {},
    "scheduler": {},
    "trainer": {"devices": 1},
}


@pytest.fixture
def saved(tmp_path: Path) -> str:
    """A checkpoint after 2 of 3 epochs of 10 steps, beside the table of all three."""
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "metrics.csv").write_text("step,epoch,val/acc\n9,0,0.1\n19,1,0.2\n29,2,0.3\n30,3,\n")
    path = run / "checkpoints" / "last.ckpt"
    torch.save({"global_step": 20, KEY: {"config": CONFIG}}, path)
    return str(path)


def test_the_rows_up_to_the_checkpoint_are_taken_along(saved: str, tmp_path: Path) -> None:
    carry_logs(saved, tmp_path)
    assert (tmp_path / "metrics.csv").read_text() == "step,epoch,val/acc\n9,0,0.1\n19,1,0.2\n"


def test_a_checkpoint_without_a_table_brings_none(saved: str, tmp_path: Path) -> None:
    (tmp_path / "run" / "metrics.csv").unlink()
    carry_logs(saved, tmp_path)
    assert not (tmp_path / "metrics.csv").exists()


def test_rows_that_were_not_on_disk_are_taken_from_the_checkpoint(
    saved: str, tmp_path: Path
) -> None:
    rows = {9: {"val/acc": "0.1"}, 19: {"epoch": "1", "train/acc": "0.5"}}
    checkpoint = {"global_step": 20, KEY: {"config": CONFIG, "rows": rows}}
    torch.save(checkpoint, saved)
    (tmp_path / "run" / "metrics.csv").write_text("step,epoch,val/acc\n19,1,0.2\n29,2,0.3\n")
    carry_logs(saved, tmp_path)
    lines = ["step,epoch,train/acc,val/acc", "9,,,0.1", "19,1,0.5,0.2", ""]
    assert (tmp_path / "metrics.csv").read_text() == "\n".join(lines)


def test_the_tables_up_to_the_checkpoint_are_taken_along_and_later_ones_dropped(
    saved: str, tmp_path: Path
) -> None:
    run, early = tmp_path / "run", Evaluation("val", 19, {"routing": []})
    lines = to_text([early, Evaluation("val", 29, {})])
    for folder in (run, tmp_path):
        (folder / "tables.jsonl").write_text(lines)
    carry_logs(saved, tmp_path)
    carry_logs(saved, run)
    assert read(tmp_path) == read(run) == [early]


def test_a_run_goes_on_with_its_own_settings_on_other_devices(saved: str) -> None:
    check_resumable(saved, CONFIG | {"trainer": {"devices": 2}})


def test_a_setting_that_changed_is_named_with_both_values(saved: str) -> None:
    other = CONFIG | {"model": {"lr": 0.1, "panel": {"d_hidden": 5}}}
    with pytest.raises(InvalidSetting, match=r"model.panel.d_hidden was 4 and is now 5"):
        check_resumable(saved, other)

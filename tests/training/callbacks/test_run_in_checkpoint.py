from pathlib import Path

import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from triptych.tracking import CsvLogger
from triptych.tracking.csv import from_text
from triptych.training import Meter, RunInCheckpoint

from ..tiny import fit


def test_a_checkpoint_holds_its_configuration_and_loads_without_executing_anything(
    tmp_path: Path,
) -> None:
    config = {"seed": 3, "data": {"families": ["a", "b"]}, "none": None}
    _, _, runner = fit(callbacks=[RunInCheckpoint(config)])
    runner.save_checkpoint(tmp_path / "it.ckpt")
    checkpoint = torch.load(tmp_path / "it.ckpt", weights_only=True)
    assert checkpoint["triptych"]["config"] == config
    assert checkpoint["triptych"]["rows"] == {}
    assert checkpoint["triptych"]["metrics"]["val/acc"] == float(runner.callback_metrics["val/acc"])


def test_with_what_is_on_disk_a_checkpoint_has_the_whole_table(tmp_path: Path) -> None:
    """Also the row of its own epoch, which loggers get only later."""
    keep = ModelCheckpoint(
        tmp_path / "kept", filename="{epoch}", save_top_k=-1, save_on_train_epoch_end=True
    )
    logger = CsvLogger(tmp_path, every_s=1000.0)  # never, but for the first row and the end
    callbacks = [RunInCheckpoint({}), keep, Meter()]
    more = {"enable_checkpointing": True, "log_every_n_steps": 1}
    fit(max_epochs=3, logger=logger, callbacks=callbacks, **more)
    table = from_text((tmp_path / "metrics.csv").read_text())
    first = min(table)
    for epoch in range(3):
        path = tmp_path / "kept" / f"epoch={epoch}.ckpt"
        checkpoint = torch.load(path, weights_only=True)
        rows = checkpoint["triptych"]["rows"]
        assert max(rows) == checkpoint["global_step"] - 1
        for step in rows.keys() - {first}:
            assert rows[step] == table[step]
        assert {first, *rows} == {step for step in table if step < checkpoint["global_step"]}


def test_a_checkpoint_in_the_middle_of_an_epoch_brings_no_row_of_it(tmp_path: Path) -> None:
    keep = ModelCheckpoint(
        tmp_path / "kept", filename="{step}", save_top_k=-1, every_n_train_steps=2
    )
    logger = CsvLogger(tmp_path, every_s=1000.0)
    more = {"enable_checkpointing": True, "log_every_n_steps": 1}
    fit(max_epochs=2, logger=logger, callbacks=[RunInCheckpoint({}), keep, Meter()], **more)
    ends = set(from_text((tmp_path / "metrics.csv").read_text()))
    paths = list((tmp_path / "kept").iterdir())
    assert len(paths) > 3
    for path in paths:
        rows = torch.load(path, weights_only=True)["triptych"]["rows"]
        assert rows.keys() <= ends

"""A folder that something removes while a run is at work in it."""

import shutil
from typing import Any

import pytest

from triptych import result
from triptych.training import BestCheckpoint

from .in_process import Prompt

TINY = ("debug=fast", "logger=csv", "trainer=cpu", "hydra.run.dir=r")


def test_a_run_goes_on_and_writes_its_folder_anew(
    prompt: Prompt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vandal(self: BestCheckpoint, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 0:
            shutil.rmtree(prompt.place / "r")

    monkeypatch.setattr(BestCheckpoint, "on_train_epoch_start", vandal)
    answer = prompt.type("train.py", *TINY)
    assert answer.code == 0, answer.err
    assert result.read(prompt.place / "r" / "result.json").status == "finished"
    assert len((prompt.place / "r" / "metrics.csv").read_text().splitlines()) == 4


def test_a_run_whose_best_checkpoint_is_gone_says_so_in_one_line(
    prompt: Prompt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vandal(self: BestCheckpoint, trainer: Any, module: Any) -> None:
        shutil.rmtree(prompt.place / "r")

    monkeypatch.setattr(BestCheckpoint, "on_fit_end", vandal)
    answer = prompt.type("train.py", *TINY)
    assert answer.code == 1
    assert answer.error.endswith(
        "best.ckpt is gone: something removed it while the run was at work"
    )
    assert "Traceback" not in answer.err
    assert result.read(prompt.place / "r" / "result.json").status == "failed"

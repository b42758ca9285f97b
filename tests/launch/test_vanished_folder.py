"""A folder that something removes while a run is at work in it."""

import shutil
from typing import Any

import pytest

from triptych import result
from triptych.training import BestCheckpoint

from .in_process import Prompt

TINY = ("debug=fast", "logger=csv", "trainer=cpu", "hydra.run.dir=r")


def test_a_run_whose_folder_is_gone_says_so_in_one_line(
    prompt: Prompt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vandal(self: BestCheckpoint, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 1:
            shutil.rmtree(prompt.place / "r")

    monkeypatch.setattr(BestCheckpoint, "on_train_epoch_start", vandal)
    check_failed(prompt, "metrics.csv")


def test_a_run_whose_best_checkpoint_is_gone_says_so_in_one_line(
    prompt: Prompt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vandal(self: BestCheckpoint, trainer: Any, module: Any) -> None:
        shutil.rmtree(prompt.place / "r")

    monkeypatch.setattr(BestCheckpoint, "on_fit_end", vandal)
    check_failed(prompt, "checkpoints/best.ckpt", "logger=none")


def check_failed(prompt: Prompt, what: str, *typed: str) -> None:
    answer = prompt.type("train.py", *TINY, *typed)
    assert answer.code == 1
    gone = prompt.place / "r" / what
    assert answer.error == f"{gone} is gone: something removed it during the run"
    assert "Traceback" not in answer.err
    assert result.read(prompt.place / "r" / "result.json").status == "failed"

"""A training that is ended by a signal in the midst of an epoch loses nothing of it."""

import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from triptych.training import EMA, BalancePressure, Meter, PartialEpochs, Termination

from ..alike import same
from .tiny import BATCHES, Diary, pair, trainer

EPOCHS = 3
RIGL = ("model=sparse", "model/rule=rigl", "model/kernel=csr", "model.rule.every=2")
BIAS = ("model=moe", "model/router=bias_topk", "model.z_coef=0.01")
PANELS = {"ffn": ("model=ffn",), "rigl": RIGL, "bias": BIAS, "controller": ("model=controller",)}


class Ended(BaseException):
    """By a signal."""


def end(number: int, frame: FrameType | None) -> None:
    raise Ended(signal.Signals(number).name)


@pytest.fixture(autouse=True)
def endable() -> Iterator[None]:
    before = {number: signal.signal(number, end) for number in (signal.SIGUSR1, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Warning(Callback):
    """Sends this process a signal before one of its batches."""

    def __init__(self, batch: int | None) -> None:
        self.left = batch

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if self.left is not None:
            if self.left == 0:
                signal.raise_signal(signal.SIGUSR1)
            self.left -= 1


def learn(
    panel: str, folder: Path, warned: int | None = None, since: Path | None = None, **settings: Any
) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """The checkpoint of the last epoch, and what was logged."""
    module, data = pair(*PANELS[panel], f"trainer.max_epochs={EPOCHS}")
    save = ModelCheckpoint(
        folder, "last", save_on_train_epoch_end=True, enable_version_counter=False
    )
    last = Termination(folder / "last.ckpt")
    diary = Diary()
    callbacks = [
        EMA(0.9),
        BalancePressure(),
        Meter(),
        PartialEpochs(),
        Warning(warned),
        diary,
        last,
    ]
    runner = trainer(
        [*callbacks, save],
        **{
            "max_epochs": EPOCHS,
            "gradient_clip_val": 0.5,
            "enable_checkpointing": True,
            **settings,
        },
    )
    runner.fit(module, data, ckpt_path=None if since is None else str(since))
    return torch.load(folder / "last.ckpt", weights_only=True), diary.logged


@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("batch", [2, BATCHES + 4])
def test_a_training_that_goes_on_is_bit_for_bit_the_one_that_never_stopped(
    panel: str, batch: int, tmp_path: Path
) -> None:
    whole, logged = learn(panel, tmp_path / "whole")
    folder = tmp_path / "parts"
    with pytest.raises(Ended, match="SIGUSR1"):
        learn(panel, folder, batch)
    early = torch.load(folder / "last.ckpt", weights_only=True)
    assert early["global_step"] == batch + 1
    ended, rest = learn(panel, folder, None, folder / "last.ckpt")
    for part in (
        "state_dict",
        "current_model_state",
        "averaging_state",
        "optimizer_states",
        "lr_schedulers",
        "global_step",
        "epoch",
    ):
        same(ended[part], whole[part])
    for first, second in zip(logged[-len(rest) :], rest, strict=True):
        assert first.keys() == second.keys()
        for key in first:
            assert key.startswith("time/") or first[key] == second[key], key

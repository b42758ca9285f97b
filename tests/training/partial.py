"""Short trainings that a signal ends in the midst of an epoch, and that go on from there."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from triptych.training import (
    EMA,
    BalancePressure,
    DataParallelStrategy,
    Meter,
    PartialEpochs,
    Termination,
)

from .tiny import BATCHES, Diary, pair, trainer

RIGL = ("model=sparse", "model/rule=rigl", "model/kernel=csr", "model.rule.every=2")
BIAS = ("model=moe", "model/router=bias_topk", "model.z_coef=0.01")
PANELS = {"ffn": ("model=ffn",), "rigl": RIGL, "bias": BIAS}
FIFTH = BATCHES + 4  # batch of the second epoch


class Ended(BaseException):
    """By a signal."""


def end(number: int, frame: FrameType | None) -> None:
    raise Ended(signal.Signals(number).name)


@contextlib.contextmanager
def endable() -> Iterator[None]:
    before = signal.signal(signal.SIGUSR1, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


class Alarm(Callback):
    """Sends this process a signal in one of its batches."""

    def __init__(self, batch: int | None) -> None:
        self.batch, self.seen = batch, 0

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if self.seen == self.batch:
            signal.raise_signal(signal.SIGUSR1)
        self.seen += 1


Learnt = tuple[dict[str, Any], dict[str, float]]


def learn(
    folder: Path, panel: str, alarm: int | None = None, *, go_on: bool = False, **settings: Any
) -> Learnt:
    """The checkpoint after two epochs, and what was logged last."""
    module, data = pair(*PANELS[panel], "trainer.max_epochs=2")
    settings = {"max_epochs": 2, "gradient_clip_val": 0.5, **settings}
    file, diary = folder / "last.ckpt", Diary()
    if "strategy" in settings:
        settings["strategy"] = settings["strategy"]()  # a new one for each training
    watching = [BalancePressure(), Meter(), PartialEpochs(), Alarm(alarm), diary]
    last = ModelCheckpoint(
        folder, "last", save_on_train_epoch_end=True, enable_version_counter=False
    )
    runner = trainer(
        [EMA(0.9), *watching, Termination(file), last], enable_checkpointing=True, **settings
    )
    runner.fit(module, data, ckpt_path=str(file) if go_on else None)
    times = [key for key in diary.logged[-1] if key.startswith("time/")]
    return load(folder), {k: v for k, v in diary.logged[-1].items() if k not in times}


def load(folder: Path) -> dict[str, Any]:
    return torch.load(folder / "last.ckpt", weights_only=True)


def in_two_parts(
    folder: Path, panel: str, alarm: int | None, **settings: Any
) -> tuple[dict[str, Any], Learnt]:
    """The checkpoint that the signal left, and what became of it. Without an alarm another process
    gets one."""
    with endable():
        ended = ""
        try:
            learn(folder, panel, alarm, **settings)
        except Ended as signalled:
            ended = str(signalled)
        assert ended == "SIGUSR1"
        return load(folder), learn(folder, panel, go_on=True, **settings)


def on_a_rank(folder: Path, index: int, world: int) -> dict[str, Any]:
    """The same of one of several processes, of which the last alone gets a signal."""
    ddp = {"devices": world, "strategy": DataParallelStrategy}
    alarm = FIFTH if index == world - 1 else None
    parts = in_two_parts(folder / "parts", "bias", alarm, **ddp)
    return {"parts": parts, "whole": learn(folder / "whole", "bias", **ddp)}

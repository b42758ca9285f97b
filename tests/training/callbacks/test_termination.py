import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop

from triptych.training import PartialEpochs, Termination
from triptych.training.callbacks.termination import SAME_S

from ..tiny import BATCHES, pair, trainer


class Ended(BaseException):
    """By a signal."""


def end(number: int, frame: FrameType | None) -> None:
    raise Ended


def bypass(number: int, frame: FrameType | None) -> None:
    """As that of some launchers: nothing ends."""


@pytest.fixture(params=[end], autouse=True)
def handler(request: pytest.FixtureRequest) -> Iterator[Callable[[int, FrameType | None], None]]:
    before = {n: signal.signal(n, request.param) for n in (signal.SIGTERM, signal.SIGUSR2)}
    yield request.param
    for number, old in before.items():
        signal.signal(number, old)


class At(Callback):
    """Does something in one batch, and counts the batches that follow it."""

    def __init__(self, batch: int, act: Callable[[], None]) -> None:
        self.batch, self.act, self.more = batch, act, -1

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.batch:
            self.act()
        self.more += trainer.global_step >= self.batch


def once() -> None:
    signal.raise_signal(signal.SIGTERM)


def twice_at_once() -> None:
    once()
    once()


def twice() -> None:
    once()
    time.sleep(SAME_S + 0.1)
    signal.raise_signal(signal.SIGUSR2)


def fit(folder: Path, *at: At, **settings: Any) -> None:
    module, data = pair()
    last = ModelCheckpoint(
        folder, "last", save_on_train_epoch_end=True, enable_version_counter=False
    )
    ours = [*at, PartialEpochs(), Termination(folder / "last.ckpt"), last]
    trainer(ours, max_epochs=2, enable_checkpointing=True, **settings).fit(module, data)


@pytest.mark.parametrize("act", [once, twice_at_once])
def test_a_signal_ends_a_training_after_the_step_which_is_saved(
    act: Callable[[], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = At(2, act)
    with pytest.raises(Ended):
        fit(tmp_path, at)
    assert at.more == 0
    assert torch.load(tmp_path / "last.ckpt")["global_step"] == 3
    assert capsys.readouterr().err.splitlines()[-1] == f"{tmp_path}/last.ckpt goes on after step 3"
    assert signal.getsignal(signal.SIGTERM) is end


@pytest.mark.parametrize("epoch", [1, 2])
def test_in_the_last_step_of_an_epoch_the_epoch_is_ended(epoch: int, tmp_path: Path) -> None:
    at = At(epoch * BATCHES - 1, once)
    with pytest.raises(Ended):
        fit(tmp_path, at)
    assert at.more == 0
    last = torch.load(tmp_path / "last.ckpt")
    assert (last["global_step"], last["epoch"]) == (epoch * BATCHES, epoch - 1)
    assert "partial_epoch" not in last


def test_a_step_that_is_followed_by_a_validation_is_not_the_last(tmp_path: Path) -> None:
    with pytest.raises(Ended):
        fit(tmp_path, At(2, once), val_check_interval=3)
    assert torch.load(tmp_path / "last.ckpt")["global_step"] == 4


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with pytest.raises(Ended):
        fit(tmp_path, At(2, twice))
    assert not (tmp_path / "last.ckpt").exists()


@pytest.mark.parametrize("handler", [bypass], indirect=True)
def test_a_handler_that_lets_a_training_go_on_is_obeyed(tmp_path: Path) -> None:
    handlers: list[Any] = []
    at = At(2, once)
    fit(tmp_path, at, At(3, lambda: handlers.append(signal.getsignal(signal.SIGTERM))))
    assert at.more == 2 * BATCHES - 3
    assert handlers != [bypass]  # the next signal is noted again


def test_a_test_has_the_handler_that_was_there_before() -> None:
    handlers: list[Any] = []

    class InTest(Callback):
        def on_test_batch_start(self, *_: Any) -> None:
            handlers.append(signal.getsignal(signal.SIGTERM))

    module, data = pair()
    runner = trainer([InTest(), Termination(Path("none"))])
    runner.fit(module, data)
    runner.test(module, data, verbose=False)
    assert handlers == [end]


def test_lightning_still_has_what_is_put_out_of_action() -> None:
    assert callable(_TrainingEpochLoop._broadcast_sigterm_tensor)

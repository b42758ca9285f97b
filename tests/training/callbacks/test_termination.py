import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest
from lightning import Callback, LightningModule, Trainer

from triptych.training import Termination

from ..tiny import pair, trainer


def handler(number: int, frame: FrameType | None) -> None:
    """Somebody's own."""


class Witness(Callback):
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.seen.append(signal.getsignal(signal.SIGTERM))


@pytest.fixture
def own_handler() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, handler)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_run_ends_by_the_handler_that_was_there_before_it(own_handler: None) -> None:
    witness = Witness()
    module, data = pair()
    trainer([Termination(), witness]).fit(module, data)
    assert witness.seen == [handler]


def test_without_it_lightning_handles_the_signal_itself(own_handler: None) -> None:
    witness = Witness()
    module, data = pair()
    trainer([witness]).fit(module, data)
    assert witness.seen != [handler]

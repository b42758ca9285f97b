"""SIGTERM ends a run at once, also with several ranks."""

import signal
from typing import final

import lightning as L


@final
class Termination(L.Callback):
    """Gives SIGTERM back to the handler that was there when this callback was made.

    Lightning's own one broadcasts from inside the handler; two ranks that are in different
    collectives at that moment then wait for each other for ever.
    """

    def __init__(self) -> None:
        self.handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Called after Lightning has put its handler in place."""
        signal.signal(signal.SIGTERM, self.handler)

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The same for the test."""
        signal.signal(signal.SIGTERM, self.handler)

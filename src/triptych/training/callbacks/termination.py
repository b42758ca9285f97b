"""A signal ends a run after the step that is under way, and nothing of the run is lost."""

import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, final

import lightning as L
import torch

SAME_S = 1.0
"""Signals that come within this time are one: some senders reach a process in two ways."""

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


@final
class Termination(L.Callback):
    """While a net trains, SIGTERM, SIGUSR1 and SIGUSR2 are noted. After the step, or after the last
    step of an epoch with its checkpoint, `last` holds all that was done, and the signal goes to the
    handler that was there when this callback was made; if that returns, training goes on. A second
    signal goes to it at once, as does every signal outside of training.

    The ranks look together after each step, so they save the same step, whoever got the signal.
    Lightning looks as often, at what rank 0 got; and its own handler broadcasts from inside: two
    ranks that are in different collectives at that moment then wait for each other for ever.

    Args:
        last: the checkpoint to write.
    """

    def __init__(self, last: Path) -> None:
        self.last = last
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        # One that is not Python's cannot be put back, so it stays.
        self.handlers = {number: own for number, own in handlers.items() if own is not None}
        self._noted, self._since = 0, 0.0
        self._saved: int | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Called after Lightning has put its handler in place."""
        self._hold()
        # It would broadcast what is never set. A private name of Lightning 2.6; a test watches it.
        trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = _nothing  # pyright: ignore[reportAttributeAccessIssue]

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Looks, where a step is over but not the epoch, nor a part of it after which the net is
        validated: to go on from there, Lightning would leave out the validation."""
        done = batch_idx + 1
        if done == trainer.num_training_batches or done % trainer.accumulate_grad_batches:
            return
        if trainer.val_check_batch and done % trainer.val_check_batch == 0:
            return
        if number := self._agreed(trainer):
            trainer.save_checkpoint(self.last)
            self._hand_over(trainer, number)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Looks; the checkpoint of the epoch before is written."""
        self._look(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Looks once more."""
        self._look(trainer)
        self._release()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Says where the run goes on."""
        self._release()
        if self._saved is not None and trainer.is_global_zero:
            print(f"{self.last} goes on after step {self._saved}", file=sys.stderr)

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Called after Lightning has put its handler in place."""
        self._release()

    def _look(self, trainer: L.Trainer) -> None:
        if number := self._agreed(trainer):
            self._hand_over(trainer, number)

    def _agreed(self, trainer: L.Trainer) -> int:
        """The signal that some rank has noted; 0 if none has."""
        if trainer.world_size == 1:
            return self._noted
        noted = torch.tensor(self._noted, device=trainer.strategy.root_device)
        return int(trainer.strategy.reduce(noted, reduce_op="max"))

    def _hand_over(self, trainer: L.Trainer, number: int) -> None:
        self._saved = trainer.global_step if self.last.is_file() else None
        self._release()
        signal.raise_signal(number)
        self._saved = None
        self._hold()  # the handler lets the training go on

    def _hold(self) -> None:
        self._noted = 0
        for number in self.handlers:
            signal.signal(number, self._note)

    def _release(self) -> None:
        for number, handler in self.handlers.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self._noted:
            self._noted, self._since = number, now
        elif now - self._since > SAME_S:
            self._release()
            signal.raise_signal(number)


def _nothing() -> None:
    """In place of what is not needed."""

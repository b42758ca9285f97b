"""One line of progress for a run: epochs, time left, loss, accuracy, and which run of how many."""

import sys
from typing import Any, final

import lightning as L
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars


@final
class Progress(L.Callback):
    """A bar on a terminal; elsewhere a line at the start, at each quarter and at the end.

    Args:
        title: of the run, such as `run 4 of 9: moe, seed 0`.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.console = Console(file=sys.stderr)
        self._bars: Bars | None = None
        self._task = TaskID(0)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Opens the bar."""
        if not trainer.is_global_zero:
            return
        if not self.console.is_terminal:
            self._say(f"{trainer.max_epochs} epochs")
            return
        self._bars = Bars(  # fits in 80 characters
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=14),
            MofNCompleteColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[numbers]}"),
            console=self.console,
        )
        self._task = self._bars.add_task(
            self.title, total=trainer.max_epochs, completed=trainer.current_epoch, numbers=""
        )
        self._bars.start()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Moves it on."""
        numbers = _numbers(trainer.callback_metrics)
        epoch, epochs = trainer.current_epoch + 1, trainer.max_epochs or 1
        if self._bars is not None:
            self._bars.update(self._task, completed=epoch, numbers=numbers)
        elif trainer.is_global_zero and epoch % max(epochs // 4, 1) == 0:
            self._say(f"epoch {epoch} of {epochs}, {numbers}")

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Closes it."""
        self._close()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Closes it, so that the error line stands alone."""
        self._close()

    def _say(self, text: str) -> None:
        # Whole and as it is: rich would fold long lines, and take [a] in an override for a style.
        self.console.print(f"{self.title}: {text}", highlight=False, markup=False, soft_wrap=True)

    def _close(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


def _numbers(metrics: Any) -> str:
    accuracy = metrics.get("val/acc")
    return "" if accuracy is None else f"val/acc {float(accuracy):.4f}"

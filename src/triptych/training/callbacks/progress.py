"""The progress of a run: epochs, time left, the numbers that matter; and which run of how many."""

import sys
from collections.abc import Mapping
from typing import Any, final

import lightning as L
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from triptych.training.live import LEVELS, PLAIN_LEVELS, live_lines


@final
class Progress(L.Callback):
    """On a terminal a bar with what `live_lines` has to say below it; elsewhere a line at the
    start, at each quarter and at the end.

    Args:
        title: of the run, such as `run 4 of 9: moe, seed 0`.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.console = Console(file=sys.stderr)
        self._view: _View | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Opens the view."""
        if not trainer.is_global_zero:
            return
        if not self.console.is_terminal:
            self._say(f"{trainer.max_epochs} epochs")
            return
        self._view = _View(self.title, trainer.current_epoch, trainer.max_epochs, self.console)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Moves it on."""
        epoch, epochs = trainer.current_epoch + 1, trainer.max_epochs or 1
        metrics = trainer.callback_metrics  # on all ranks: what others log may be reduced only now
        if self._view is not None:
            self._view.move(epoch)
        elif trainer.is_global_zero and epoch % max(epochs // 4, 1) == 0:
            self._say(f"epoch {epoch} of {epochs}, {_accuracy(metrics)}")

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Shows the numbers of the epoch before: only now the module has logged all of them."""
        metrics = trainer.callback_metrics
        if self._view is not None:
            self._view.show(_plain(metrics))

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Closes it; what was shown last stays."""
        metrics = trainer.callback_metrics
        if self._view is not None:
            self._view.show(_plain(metrics))
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
        if self._view is not None:
            self._view.close()
            self._view = None


@final
class _View:
    """A bar and lines, in place."""

    def __init__(self, title: str, epoch: int, epochs: int | None, console: Console) -> None:
        self._bars = Bars(  # fits in 80 characters
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=14),
            MofNCompleteColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._levels = PLAIN_LEVELS if console.options.ascii_only else LEVELS
        self._task = self._bars.add_task(title, total=epochs, completed=epoch)
        self._live = Live(self._bars, console=console)
        self._live.start()

    def move(self, epoch: int) -> None:
        """As many epochs are over."""
        self._bars.update(self._task, completed=epoch)

    def show(self, metrics: Mapping[str, float]) -> None:
        """The latest numbers."""
        lines = (Text(f"  {line}", no_wrap=True) for line in live_lines(metrics, self._levels))
        self._live.update(Group(self._bars, *lines))

    def close(self) -> None:
        """Leaves it as it is."""
        self._live.stop()


def _plain(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {key: float(value) for key, value in metrics.items()}


def _accuracy(metrics: Mapping[str, Any]) -> str:
    accuracy = metrics.get("val/acc")
    return "" if accuracy is None else f"val/acc {float(accuracy):.4f}"

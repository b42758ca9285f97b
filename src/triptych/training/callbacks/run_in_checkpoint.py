"""Puts in every checkpoint what its readers need, so that the file alone rebuilds the run."""

from typing import Any, final

import lightning as L

from triptych.tracking import CsvLogger
from triptych.tracking.csv import Rows, merge, to_cell

KEY = "triptych"


@final
class RunInCheckpoint(L.Callback):
    """Adds `{"triptych": {"config": ..., "metrics": ..., "rows": ...}}`: the plain configuration,
    the latest value of all that was logged, and the rows that `metrics.csv` is still to get.

    Plain containers, so `weights_only=True` loads it.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self._epoch_is_over = False

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """What is logged now is of the epoch before."""
        self._epoch_is_over = False

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Called before checkpoints of this epoch are written."""
        self._epoch_is_over = True

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Called by Lightning for each checkpoint."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        rows = self._unwritten(trainer)
        checkpoint[KEY] = {"config": self.config, "metrics": metrics, "rows": rows}

    def _unwritten(self, trainer: L.Trainer) -> Rows:
        tables = [logger for logger in trainer.loggers if isinstance(logger, CsvLogger)]
        if not tables:
            return {}
        rows = tables[0].pending()
        if not self._epoch_is_over:
            return rows
        # Loggers get the epoch's training metrics after the checkpoint is written; those of the
        # validation they have.
        cells = {
            name: to_cell(value)
            for name, value in trainer.callback_metrics.items()
            if not name.startswith("val/")
        }
        merge(rows, trainer.global_step - 1, cells | {"epoch": str(trainer.current_epoch)})
        return rows

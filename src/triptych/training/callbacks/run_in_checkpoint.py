"""Puts in every checkpoint what its readers need, so that the file alone rebuilds the run."""

from typing import Any, final

import lightning as L

from triptych.tracking import CsvLogger
from triptych.tracking.csv import Rows

KEY = "triptych"


@final
class RunInCheckpoint(L.Callback):
    """Adds `{"triptych": {"config": ..., "metrics": ..., "rows": ...}}`: the plain configuration,
    the latest value of all that was logged, and the rows that `metrics.csv` is still to get.

    Plain containers, so `weights_only=True` loads it.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Called by Lightning for each checkpoint."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        rows = self._unwritten(trainer)
        checkpoint[KEY] = {"config": self.config, "metrics": metrics, "rows": rows}

    def _unwritten(self, trainer: L.Trainer) -> Rows:
        tables = [logger for logger in trainer.loggers if isinstance(logger, CsvLogger)]
        return tables[0].pending() if tables else {}

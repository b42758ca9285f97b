"""Puts what a checkpoint's readers need in it, so that the file alone rebuilds the run."""

from typing import Any, final

import lightning as L

KEY = "triptych"


@final
class ConfigInCheckpoint(L.Callback):
    """Adds `{"triptych": {"config": ..., "metrics": ...}}`: the plain configuration and the latest
    value of all that was logged; plain containers, so `weights_only=True` loads it."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Called by Lightning for each checkpoint."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        checkpoint[KEY] = {"config": self.config, "metrics": metrics}

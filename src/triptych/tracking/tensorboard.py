"""TensorBoard, for those who want it: an extra, not a dependency."""

from pathlib import Path
from typing import final

from lightning.pytorch.loggers import TensorBoardLogger as LightningTensorBoardLogger

from triptych.tracking.packages import require_packages


@final
class TensorBoardLogger(LightningTensorBoardLogger):
    """Lightning's logger, writing to `<folder>/tensorboard` so that `--logdir logs` finds all runs.

    Args:
        folder: the run folder.

    Raises:
        InvalidSetting: if the package is not installed; the message says how to get it.
    """

    def __init__(self, folder: str | Path) -> None:
        require_packages("tensorboard", "tensorboard")
        super().__init__(folder, name="", version="tensorboard", default_hp_metric=False)

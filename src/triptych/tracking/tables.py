"""Tables beside the metrics: who takes them, and the file that keeps them."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import final

from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers.logger import Logger
from torch import Tensor

from triptych.errors import FolderVanished
from triptych.evaluations import FILE, Evaluation, to_text
from triptych.folders import require_writable
from triptych.tracking.folder_logger import FolderLogger


class TakesTables(Logger):
    """A logger that takes tables too."""

    @abstractmethod
    def log_tables(self, evaluation: Evaluation) -> None:
        """Takes the tables of an evaluation; called on rank 0."""


@final
class TablesLogger(FolderLogger, TakesTables):
    """Adds a line to `<folder>/tables.jsonl` for each evaluation, see `triptych.evaluations`.

    Args:
        folder: where the file goes; made if missing.

    Raises:
        InvalidSetting: if the folder cannot be written to.
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        self._file = Path(folder) / FILE
        self._check()

    @rank_zero_only
    def _check(self) -> None:
        require_writable(self._file.parent, "logger.tables.folder")

    def log_metrics(self, metrics: Mapping[str, float | Tensor], step: int | None = None) -> None:
        """Nothing: numbers go elsewhere."""

    @rank_zero_only
    def log_tables(self, evaluation: Evaluation) -> None:
        """Adds the line."""
        try:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(to_text([evaluation]))
        except FileNotFoundError as error:
            raise FolderVanished(self._file) from error

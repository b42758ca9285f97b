"""What loggers that write into the run folder have in common."""

from abc import ABC
from argparse import Namespace
from typing import Any

from lightning.pytorch.loggers.logger import Logger


class FolderLogger(Logger, ABC):
    """Writes a file of the run folder, which others name and which holds the settings already."""

    @property
    def name(self) -> str:
        """Empty: the folder is named by the caller."""
        return ""

    @property
    def version(self) -> str:
        """Empty: a resumed run goes on in the same file."""
        return ""

    def log_hyperparams(
        self, params: dict[str, Any] | Namespace | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Nothing: settings are no metrics."""

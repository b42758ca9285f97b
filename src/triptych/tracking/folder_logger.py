"""What loggers that write into the run folder have in common."""

from abc import ABC
from argparse import Namespace
from typing import Any

from triptych.tracking.untitled import Untitled


class FolderLogger(Untitled, ABC):
    """Writes a file of the run folder, which others name and which holds the settings already."""

    def log_hyperparams(
        self, params: dict[str, Any] | Namespace | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Nothing: settings are no metrics."""

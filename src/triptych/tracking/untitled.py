"""Loggers that need no name from Lightning."""

from abc import ABC

from lightning.pytorch.loggers.logger import Logger


class Untitled(Logger, ABC):
    """Writes where it was told to; Lightning asks loggers for names to make folders of."""

    @property
    def name(self) -> str:
        """Empty: folders are named by the caller."""
        return ""

    @property
    def version(self) -> str:
        """Empty: a resumed run goes on where it was."""
        return ""

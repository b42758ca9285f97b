"""Loading a compiled library, whose operators then are in `torch.ops`."""

import logging
from pathlib import Path

import torch

from triptych.errors import one_line
from triptych.native.compiler import BuildFailed, Library

log = logging.getLogger("triptych")


def load(file: Path) -> None:
    """Once more does nothing.

    Raises:
        BuildFailed: if the file is no library for this process.
    """
    try:
        torch.ops.load_library(str(file))
    except OSError as error:
        raise BuildFailed(str(error)) from error


def load_if_built(library: Library) -> bool:
    """Whether it had been compiled and is loaded; a line in the log if it cannot be."""
    file = library.file()
    try:
        if not file.exists():
            return False
        load(file)
    except (OSError, BuildFailed) as error:
        where, reason = file.parent, one_line(error)
        log.warning("the CPU operator of %s in %s does not load: %s", library.panel, where, reason)
        return False
    return True

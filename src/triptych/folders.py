"""The check that a logger can write where it was told to."""

import tempfile
from pathlib import Path

from triptych.errors import InvalidSetting


def require_writable(folder: Path, setting: str) -> None:
    """Makes the folder, then proves by writing that files can be put there.

    Permission bits lie for root and on read-only mounts, so a real file is made and removed.

    Raises:
        InvalidSetting: if not; the message names the setting, the folder and the cause.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InvalidSetting(
            f"{setting}={folder} cannot be written to ({reason}): choose another folder"
        ) from error

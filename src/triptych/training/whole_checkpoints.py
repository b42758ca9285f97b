"""Checkpoints that are there as a whole or not at all."""

import io
import os
from pathlib import Path
from typing import Any, final

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from triptych.result import replace_whole


@final
class WholeCheckpoints(TorchCheckpointIO):
    """Writes beside the old file and then takes its place, so that a process may be killed at any
    moment. Lightning writes to the system's temporary folder; from there a file is moved, which
    between two disks is a copy that can be cut short.

    Nothing waits for the disk itself: what a machine loses with its power is not covered.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Called on rank 0 alone."""
        target, content = Path(path), io.BytesIO()
        torch.save(checkpoint, content)  # in memory: of a full disk it would not say so
        target.parent.mkdir(parents=True, exist_ok=True)
        for killed in target.parent.glob(f".{target.name}.*.draft"):
            killed.unlink()
        replace_whole(target, content.getbuffer())

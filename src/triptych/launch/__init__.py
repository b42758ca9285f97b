"""Launching: one clear line for each mistake, and DDP that is right inside Hydra."""

from triptych.launch.command import command
from triptych.launch.ddp import isolated_job
from triptych.launch.ranks import ready
from triptych.launch.stopping import stoppable

__all__ = ["command", "isolated_job", "ready", "stoppable"]

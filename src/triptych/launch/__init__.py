"""Launching: one clear line for each mistake, and DDP that is right inside Hydra."""

from triptych.launch.command import FEW_SPINS, command
from triptych.launch.ddp import isolated_job
from triptych.launch.ranks import ready
from triptych.launch.stopping import JobFailed, say_failed, stoppable

__all__ = ["FEW_SPINS", "JobFailed", "command", "isolated_job", "ready", "say_failed", "stoppable"]

"""Sweeps: what they are, how they go on after an interruption, and how they end."""

from triptych.sweep.again import LAST, Earlier, earlier, retyped
from triptych.sweep.callback import ENTRY, SweepCallback
from triptych.sweep.ending import finish
from triptych.sweep.jobs import count_jobs, title
from triptych.sweep.stages import run_study

__all__ = [
    "ENTRY",
    "LAST",
    "Earlier",
    "SweepCallback",
    "count_jobs",
    "earlier",
    "finish",
    "retyped",
    "run_study",
    "title",
]

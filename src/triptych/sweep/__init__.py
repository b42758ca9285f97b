"""Sweeps: what they are, how they go on after an interruption, and how they end."""

from triptych.sweep.again import LAST, Earlier, earlier, retyped
from triptych.sweep.callback import ENTRY, SweepCallback
from triptych.sweep.ending import finish
from triptych.sweep.jobs import count_jobs, title
from triptych.sweep.note import read_note
from triptych.sweep.replica import Replica, by_seed, read_group
from triptych.sweep.stages import run_study
from triptych.sweep.vectorize import Vectorizing

__all__ = [
    "ENTRY",
    "LAST",
    "Earlier",
    "Replica",
    "SweepCallback",
    "Vectorizing",
    "by_seed",
    "count_jobs",
    "earlier",
    "finish",
    "read_group",
    "read_note",
    "retyped",
    "run_study",
    "title",
]

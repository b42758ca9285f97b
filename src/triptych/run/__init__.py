"""The composition root: a configuration becomes objects, objects become a result."""

from triptych.run.ceiling import ceiling
from triptych.run.ceilings import Ceilings, measure_ceilings
from triptych.run.equal_time import equal_time
from triptych.run.evaluate import evaluate
from triptych.run.export import export
from triptych.run.jobs import run_job
from triptych.run.match import DeclaredMatch
from triptych.run.replicas import train_replicas
from triptych.run.time_match import TimeMatch
from triptych.run.train import train

__all__ = [
    "Ceilings",
    "DeclaredMatch",
    "TimeMatch",
    "ceiling",
    "equal_time",
    "evaluate",
    "export",
    "measure_ceilings",
    "run_job",
    "train",
    "train_replicas",
]

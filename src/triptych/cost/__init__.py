"""Adds up what layers declare: parameters, active parameters, FLOPs of a sample and of training."""

from triptych.cost.declared import declared_cost
from triptych.cost.training import (
    Flops,
    TrainingFlops,
    probed_step_flops,
    sparse_step_flops,
    step_flops,
)

__all__ = [
    "Flops",
    "TrainingFlops",
    "declared_cost",
    "probed_step_flops",
    "sparse_step_flops",
    "step_flops",
]

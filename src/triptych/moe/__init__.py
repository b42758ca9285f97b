"""Mixture-of-experts panel: routers, experts, dispatch and balance losses. Torch only."""

from triptych.moe.balance import squared_deviation_loss, switch_loss
from triptych.moe.dispatch import loop_dispatch, reference_dispatch
from triptych.moe.experts import ExpertBank, Specialists, StackedMLP
from triptych.moe.layer import MoE
from triptych.moe.router import LinearScores, MLPScores, Router, TopKRouter
from triptych.moe.routing import Routing

__all__ = [
    "ExpertBank",
    "LinearScores",
    "MLPScores",
    "MoE",
    "Router",
    "Routing",
    "Specialists",
    "StackedMLP",
    "TopKRouter",
    "loop_dispatch",
    "reference_dispatch",
    "squared_deviation_loss",
    "switch_loss",
]

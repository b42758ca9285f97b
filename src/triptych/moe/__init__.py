"""Mixture-of-experts panel: routers, capacity, experts, dispatch, balance losses. Torch only."""

from triptych.moe.balance.losses import (
    gshard_loss,
    importance_load_loss,
    importance_loss,
    no_loss,
    sequence_loss,
    squared_deviation_loss,
    switch_loss,
    z_loss,
)
from triptych.moe.balance.statistics import Average, global_batch, micro_batch
from triptych.moe.capacity import Capacity, Dropless, Limited, at_random, by_position, by_score
from triptych.moe.dispatch.auto import auto_dispatch
from triptych.moe.dispatch.fused import fused_dispatch
from triptych.moe.dispatch.grouped import grouped_dispatch
from triptych.moe.dispatch.loop import loop_dispatch
from triptych.moe.dispatch.padded import padded_dispatch
from triptych.moe.dispatch.reference import reference_dispatch
from triptych.moe.experts.activations import GELU, Activation, ReLU, SwiGLU
from triptych.moe.experts.bank import ExpertBank
from triptych.moe.experts.dense import DenseMLP, same_active, same_total
from triptych.moe.experts.specialists import Specialists
from triptych.moe.experts.stacked import StackedMLP
from triptych.moe.layer import Dispatch, MoE
from triptych.moe.routers.router import Router, SelfBalancing, TopKRouter
from triptych.moe.routers.selection import (
    Selection,
    auto_softmax_topk,
    fused_softmax_topk,
    softmax_topk,
)
from triptych.moe.routers.softmax import SoftmaxTopK, TopKSoftmax, UnnormalisedTopK
from triptych.moe.routing import Routing
from triptych.moe.scores import LinearScores, MLPScores, Scores

__all__ = [
    "GELU",
    "Activation",
    "Average",
    "Capacity",
    "DenseMLP",
    "Dispatch",
    "Dropless",
    "ExpertBank",
    "Limited",
    "LinearScores",
    "MLPScores",
    "MoE",
    "ReLU",
    "Router",
    "Routing",
    "Scores",
    "Selection",
    "SelfBalancing",
    "SoftmaxTopK",
    "Specialists",
    "StackedMLP",
    "SwiGLU",
    "TopKRouter",
    "TopKSoftmax",
    "UnnormalisedTopK",
    "at_random",
    "auto_dispatch",
    "auto_softmax_topk",
    "by_position",
    "by_score",
    "fused_dispatch",
    "fused_softmax_topk",
    "global_batch",
    "grouped_dispatch",
    "gshard_loss",
    "importance_load_loss",
    "importance_loss",
    "loop_dispatch",
    "micro_batch",
    "no_loss",
    "padded_dispatch",
    "reference_dispatch",
    "same_active",
    "same_total",
    "sequence_loss",
    "softmax_topk",
    "squared_deviation_loss",
    "switch_loss",
    "z_loss",
]

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
from triptych.moe.dispatch.expert_parallel import ExpertParallel
from triptych.moe.dispatch.fused import fused_dispatch
from triptych.moe.dispatch.grouped import grouped_dispatch
from triptych.moe.dispatch.loop import loop_dispatch
from triptych.moe.dispatch.padded import padded_dispatch
from triptych.moe.dispatch.reference import reference_dispatch
from triptych.moe.dispatch.triton.dispatch import triton_dispatch
from triptych.moe.experts.activations import GELU, Activation, Cubic, Identity, ReLU, SwiGLU
from triptych.moe.experts.bank import ExpertBank
from triptych.moe.experts.dense import DenseMLP, same_active, same_total
from triptych.moe.experts.patches import PatchExperts
from triptych.moe.experts.shardable import Shardable
from triptych.moe.experts.single import SingleExpert
from triptych.moe.experts.specialists import Specialists
from triptych.moe.experts.stacked import StackedMLP
from triptych.moe.layer import Dispatch, MoE
from triptych.moe.parallel.clip import clip_grad_norm
from triptych.moe.parallel.groups import ExpertGroups, check_expert_ranks, expert_groups
from triptych.moe.parallel.optimizer import own_optimizer_state, whole_optimizer_state
from triptych.moe.parallel.shard import Sharding, check_shardable, shard_experts
from triptych.moe.parallel.state import own_state, whole_state
from triptych.moe.patches import PatchScores
from triptych.moe.routers.base import BaseAssignment
from triptych.moe.routers.bias_topk import BiasTopK
from triptych.moe.routers.expert_choice import ExpertChoice
from triptych.moe.routers.gshard import GShardTop2
from triptych.moe.routers.hash import HashTopK
from triptych.moe.routers.noisy_topk import NoisyTopK
from triptych.moe.routers.oracle import OracleRouter
from triptych.moe.routers.router import Router, SelfBalancing, TopKRouter
from triptych.moe.routers.selection import (
    Selection,
    auto_softmax_topk,
    fused_softmax_topk,
    softmax_topk,
)
from triptych.moe.routers.sigmoid import SigmoidTopK
from triptych.moe.routers.sinkhorn import SinkhornTopK
from triptych.moe.routers.soft import SoftRouter
from triptych.moe.routers.softmax import SoftmaxTopK, TopKSoftmax, UnnormalisedTopK
from triptych.moe.routing import Routing, count_ids
from triptych.moe.scores import (
    CosineScores,
    FrozenProjection,
    FrozenScores,
    LinearScores,
    MLPScores,
    Scores,
    ScrambledScores,
)
from triptych.moe.soft import SoftMoE

__all__ = [
    "GELU",
    "Activation",
    "Average",
    "BaseAssignment",
    "BiasTopK",
    "Capacity",
    "CosineScores",
    "Cubic",
    "DenseMLP",
    "Dispatch",
    "Dropless",
    "ExpertBank",
    "ExpertChoice",
    "ExpertGroups",
    "ExpertParallel",
    "FrozenProjection",
    "FrozenScores",
    "GShardTop2",
    "HashTopK",
    "Identity",
    "Limited",
    "LinearScores",
    "MLPScores",
    "MoE",
    "NoisyTopK",
    "OracleRouter",
    "PatchExperts",
    "PatchScores",
    "ReLU",
    "Router",
    "Routing",
    "Scores",
    "ScrambledScores",
    "Selection",
    "SelfBalancing",
    "Shardable",
    "Sharding",
    "SigmoidTopK",
    "SingleExpert",
    "SinkhornTopK",
    "SoftMoE",
    "SoftRouter",
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
    "check_expert_ranks",
    "check_shardable",
    "clip_grad_norm",
    "count_ids",
    "expert_groups",
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
    "own_optimizer_state",
    "own_state",
    "padded_dispatch",
    "reference_dispatch",
    "same_active",
    "same_total",
    "sequence_loss",
    "shard_experts",
    "softmax_topk",
    "squared_deviation_loss",
    "switch_loss",
    "triton_dispatch",
    "whole_optimizer_state",
    "whole_state",
    "z_loss",
]

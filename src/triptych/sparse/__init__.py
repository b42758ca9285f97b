"""Sparse panel: linear layers with few non-zero weights. Torch only."""

from triptych.sparse.kernels.block import BlockLinear
from triptych.sparse.kernels.csr import CSRLinear
from triptych.sparse.kernels.kernel import SparseLinear
from triptych.sparse.kernels.masked import MaskedLinear
from triptych.sparse.kernels.straight_through import StraightThroughLinear
from triptych.sparse.patterns.block import block_masks
from triptych.sparse.patterns.erdos_renyi import erdos_renyi_densities, erdos_renyi_masks
from triptych.sparse.patterns.fan_in import constant_fan_in_masks, n_of_m_masks
from triptych.sparse.patterns.uniform import Pattern, live_weights, uniform_mask, uniform_masks
from triptych.sparse.rules.dynamic import SET, RigL
from triptych.sparse.rules.fingerprint import fingerprint
from triptych.sparse.rules.follow import follow
from triptych.sparse.rules.granet import GraNet
from triptych.sparse.rules.move import Fresh, move, squared_gradient_state, zero_state
from triptych.sparse.rules.pruning import Pruning
from triptych.sparse.rules.rule import LatentRule, Periodic, Rule, Static, View
from triptych.sparse.rules.schedules import constant, cosine, cubic, linear
from triptych.sparse.rules.sr_ste import SRSTE

__all__ = [
    "SET",
    "SRSTE",
    "BlockLinear",
    "CSRLinear",
    "Fresh",
    "GraNet",
    "LatentRule",
    "MaskedLinear",
    "Pattern",
    "Periodic",
    "Pruning",
    "RigL",
    "Rule",
    "SparseLinear",
    "Static",
    "StraightThroughLinear",
    "View",
    "block_masks",
    "constant",
    "constant_fan_in_masks",
    "cosine",
    "cubic",
    "erdos_renyi_densities",
    "erdos_renyi_masks",
    "fingerprint",
    "follow",
    "linear",
    "live_weights",
    "move",
    "n_of_m_masks",
    "squared_gradient_state",
    "uniform_mask",
    "uniform_masks",
    "zero_state",
]

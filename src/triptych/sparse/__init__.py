"""Sparse panel: layers with few weights, or with few that work. Torch only."""

from triptych.sparse.dynamic.chosen import chosen_product
from triptych.sparse.dynamic.controller import (
    Controller,
    ControllerFFN,
    chosen_units,
    training_mask,
)
from triptych.sparse.kernels.block import BlockLinear
from triptych.sparse.kernels.csr import CSRLinear
from triptych.sparse.kernels.kernel import SparseLinear
from triptych.sparse.kernels.masked import MaskedLinear
from triptych.sparse.patterns.block import block_masks
from triptych.sparse.patterns.erdos_renyi import erdos_renyi_densities, erdos_renyi_masks
from triptych.sparse.patterns.fan_in import constant_fan_in_masks, n_of_m_masks
from triptych.sparse.patterns.uniform import Pattern, live_weights, uniform_mask, uniform_masks
from triptych.sparse.rules.dynamic import SET, RigL
from triptych.sparse.rules.move import Fresh, move, squared_gradient_state, zero_state
from triptych.sparse.rules.pruning import Pruning
from triptych.sparse.rules.rule import Periodic, Rule, Static
from triptych.sparse.rules.schedules import constant, cosine, linear
from triptych.sparse.structured.monarch import MonarchLinear
from triptych.sparse.structured.multiplicative import MultiplicativeDense

__all__ = [
    "SET",
    "BlockLinear",
    "CSRLinear",
    "Controller",
    "ControllerFFN",
    "Fresh",
    "MaskedLinear",
    "MonarchLinear",
    "MultiplicativeDense",
    "Pattern",
    "Periodic",
    "Pruning",
    "RigL",
    "Rule",
    "SparseLinear",
    "Static",
    "block_masks",
    "chosen_product",
    "chosen_units",
    "constant",
    "constant_fan_in_masks",
    "cosine",
    "erdos_renyi_densities",
    "erdos_renyi_masks",
    "linear",
    "live_weights",
    "move",
    "n_of_m_masks",
    "squared_gradient_state",
    "training_mask",
    "uniform_mask",
    "uniform_masks",
    "zero_state",
]

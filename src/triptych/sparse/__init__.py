"""Sparse panel: linear layers with few non-zero weights. Torch only."""

from triptych.sparse.export.file import load_export, read_export, require_safetensors, write_export
from triptych.sparse.export.network import (
    FORMATS,
    Export,
    check_format,
    dense_network,
    export_of,
)
from triptych.sparse.export.verify import Agreement, verify_export
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
from triptych.sparse.rules.granet import GraNet
from triptych.sparse.rules.move import Fresh, move, squared_gradient_state, zero_state
from triptych.sparse.rules.pruning import Pruning
from triptych.sparse.rules.rule import LatentRule, Periodic, Rule, Static, View
from triptych.sparse.rules.schedules import constant, cosine, cubic, linear
from triptych.sparse.rules.sr_ste import SRSTE

__all__ = [
    "FORMATS",
    "SET",
    "SRSTE",
    "Agreement",
    "BlockLinear",
    "CSRLinear",
    "Export",
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
    "check_format",
    "constant",
    "constant_fan_in_masks",
    "cosine",
    "cubic",
    "dense_network",
    "erdos_renyi_densities",
    "erdos_renyi_masks",
    "export_of",
    "fingerprint",
    "linear",
    "live_weights",
    "load_export",
    "move",
    "n_of_m_masks",
    "read_export",
    "require_safetensors",
    "squared_gradient_state",
    "uniform_mask",
    "uniform_masks",
    "verify_export",
    "write_export",
    "zero_state",
]

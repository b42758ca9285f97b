"""Sparse panel: layers with few weights, or with few that work. Torch only."""

from triptych.sparse.bits import packed, unpacked
from triptych.sparse.dynamic.chosen import chosen_product
from triptych.sparse.dynamic.controller import (
    Controller,
    ControllerFFN,
    chosen_units,
    training_mask,
)
from triptych.sparse.export.file import (
    load_export,
    read_export,
    require_safetensors,
    write_export,
)
from triptych.sparse.export.network import (
    FORMATS,
    Export,
    check_format,
    dense_network,
    export_of,
)
from triptych.sparse.export.verify import Agreement, verify_export
from triptych.sparse.kernels.auto import AutoLinear
from triptych.sparse.kernels.block import BlockLinear
from triptych.sparse.kernels.choosing import ChoosingLinear
from triptych.sparse.kernels.csr import CSRLinear
from triptych.sparse.kernels.kernel import SparseLinear, sparse_layers
from triptych.sparse.kernels.masked import MaskedLinear
from triptych.sparse.kernels.narrow import NarrowLinear
from triptych.sparse.kernels.semi_structured import SemiStructuredLinear
from triptych.sparse.kernels.straight_through import StraightThroughLinear
from triptych.sparse.patterns.block import block_masks
from triptych.sparse.patterns.erdos_renyi import erdos_renyi_densities, erdos_renyi_masks
from triptych.sparse.patterns.fan_in import constant_fan_in_masks, n_of_m_masks
from triptych.sparse.patterns.full import full_masks
from triptych.sparse.patterns.neurons import neurons_masks
from triptych.sparse.patterns.two_four import two_four_masks
from triptych.sparse.patterns.uniform import (
    Pattern,
    live_weights,
    uniform_mask,
    uniform_masks,
)
from triptych.sparse.rules.dynamic import SET, RigL
from triptych.sparse.rules.fingerprint import fingerprint
from triptych.sparse.rules.follow import follow
from triptych.sparse.rules.granet import GraNet
from triptych.sparse.rules.move import (
    Fresh,
    Remembers,
    move,
    squared_gradient_state,
    zero_state,
)
from triptych.sparse.rules.pruning import Pruning
from triptych.sparse.rules.rule import LatentRule, Periodic, Rule, Static, View
from triptych.sparse.rules.schedules import constant, cosine, cubic, linear
from triptych.sparse.rules.sr_ste import SRSTE
from triptych.sparse.speed import Speed, measured_speeds
from triptych.sparse.start.grasp import GraSP
from triptych.sparse.start.shuffled import Shuffled
from triptych.sparse.start.snip import SNIP
from triptych.sparse.start.start import Start
from triptych.sparse.start.synflow import SynFlow
from triptych.sparse.structured.monarch import MonarchLinear
from triptych.sparse.structured.multiplicative import MultiplicativeDense

__all__ = [
    "FORMATS",
    "SET",
    "SNIP",
    "SRSTE",
    "Agreement",
    "AutoLinear",
    "BlockLinear",
    "CSRLinear",
    "ChoosingLinear",
    "Controller",
    "ControllerFFN",
    "Export",
    "Fresh",
    "GraNet",
    "GraSP",
    "LatentRule",
    "MaskedLinear",
    "MonarchLinear",
    "MultiplicativeDense",
    "NarrowLinear",
    "Pattern",
    "Periodic",
    "Pruning",
    "Remembers",
    "RigL",
    "Rule",
    "SemiStructuredLinear",
    "Shuffled",
    "SparseLinear",
    "Speed",
    "Start",
    "Static",
    "StraightThroughLinear",
    "SynFlow",
    "View",
    "block_masks",
    "check_format",
    "chosen_product",
    "chosen_units",
    "constant",
    "constant_fan_in_masks",
    "cosine",
    "cubic",
    "dense_network",
    "erdos_renyi_densities",
    "erdos_renyi_masks",
    "export_of",
    "fingerprint",
    "follow",
    "full_masks",
    "linear",
    "live_weights",
    "load_export",
    "measured_speeds",
    "move",
    "n_of_m_masks",
    "neurons_masks",
    "packed",
    "read_export",
    "require_safetensors",
    "sparse_layers",
    "squared_gradient_state",
    "training_mask",
    "two_four_masks",
    "uniform_mask",
    "uniform_masks",
    "unpacked",
    "verify_export",
    "write_export",
    "zero_state",
]

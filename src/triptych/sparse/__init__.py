"""Sparse panel: linear layers with few non-zero weights. Torch only."""

from triptych.sparse.kernels.block import BlockLinear
from triptych.sparse.kernels.csr import CSRLinear
from triptych.sparse.kernels.kernel import SparseLinear
from triptych.sparse.kernels.masked import MaskedLinear
from triptych.sparse.patterns.block import block_masks
from triptych.sparse.patterns.erdos_renyi import erdos_renyi_densities, erdos_renyi_masks
from triptych.sparse.patterns.fan_in import constant_fan_in_masks, n_of_m_masks
from triptych.sparse.patterns.uniform import Pattern, live_weights, uniform_mask, uniform_masks

__all__ = [
    "BlockLinear",
    "CSRLinear",
    "MaskedLinear",
    "Pattern",
    "SparseLinear",
    "block_masks",
    "constant_fan_in_masks",
    "erdos_renyi_densities",
    "erdos_renyi_masks",
    "live_weights",
    "n_of_m_masks",
    "uniform_mask",
    "uniform_masks",
]

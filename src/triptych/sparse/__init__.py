"""Sparse panel: linear layers with few non-zero weights. Torch only."""

from triptych.sparse.linear import MaskedLinear, SparseLinear
from triptych.sparse.patterns import live_weights, uniform_mask

__all__ = ["MaskedLinear", "SparseLinear", "live_weights", "uniform_mask"]

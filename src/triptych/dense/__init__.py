"""Dense panel: plain feed-forward layers. Torch only."""

from triptych.dense.mlp import MLP

__all__ = ["MLP"]

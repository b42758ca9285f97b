"""Which hidden units a controller wakes over a whole data split."""

import math
from typing import Any, final

import torch
from torch import Tensor
from torchmetrics import Metric

from triptych.moe import Routing, count_ids


@final
class ChoiceMetrics(Metric):
    """Sums over one layer's choices; all are reset with each evaluation and added up over ranks.

    Args:
        d_hidden: F.
        block: N, of which one unit is chosen.
    """

    full_state_update = False
    chosen: Tensor
    entropy: Tensor
    samples: Tensor

    def __init__(self, d_hidden: int, block: int) -> None:
        super().__init__()
        self.d_hidden, self.block = d_hidden, block
        for name, zeros in {
            "chosen": torch.zeros(d_hidden, dtype=torch.long),
            "entropy": torch.zeros((), dtype=torch.double),
            "samples": torch.zeros((), dtype=torch.long),
        }.items():
            self.add_state(name, zeros, dist_reduce_fx="sum")

    def update(self, routing: Routing) -> None:
        """Adds a batch."""
        self.chosen += count_ids(routing.experts, None, self.d_hidden)
        # Rows sum to 1 over all blocks together: times their number, each block does.
        blocks = self.d_hidden // self.block
        probs = routing.probs.detach().double() * blocks
        self.entropy += torch.special.entr(probs).sum() / blocks
        self.samples += len(probs)

    def compute(self) -> dict[str, Any]:
        """`working`, the share of units that a sample wakes; `dead_units`, never chosen; and
        `entropy` of the controller's choice in a block, over log N: 0 sure, 1 undecided."""
        samples = max(int(self.samples), 1)
        return {
            "working": int(self.chosen.sum()) / (samples * self.d_hidden),
            "dead_units": float((self.chosen == 0).sum()),
            "entropy": float(self.entropy) / samples / max(math.log(self.block), 1e-12),
        }

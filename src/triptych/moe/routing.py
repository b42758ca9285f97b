"""The decision of a router, as plain data that is returned beside the output."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor


@final
@dataclass(frozen=True)
class Routing:
    """Where each token goes, and how much each expert's answer counts.

    Attributes:
        experts: ids of the chosen experts, all different within a token.
        gates: weight of each chosen expert's output.
        probs: the router's probabilities over all experts; rows sum to 1.
    """

    experts: Int[Tensor, "T K"]
    gates: Float[Tensor, "T K"]
    probs: Float[Tensor, "T E"]

    @property
    def num_experts(self) -> int:
        """E."""
        return self.probs.shape[1]

    @property
    def top_k(self) -> int:
        """K."""
        return self.experts.shape[1]

    def load(self) -> Int[Tensor, " E"]:
        """How many tokens each expert gets; sums to T * K."""
        # Not bincount: on CUDA it waits for the device.
        return torch.zeros(
            self.num_experts, dtype=torch.long, device=self.experts.device
        ).scatter_add_(0, self.experts.flatten(), torch.ones_like(self.experts).flatten())

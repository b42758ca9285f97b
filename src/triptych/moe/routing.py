"""The decision of a router, as plain data that is returned beside the output."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@final
@dataclass(frozen=True)
class Routing:
    """Where each token goes, and how much each expert's answer counts.

    A route is a pair (token, expert) with its gate; a token has K of them. A route counts if its
    token is real (`valid`) and its router asked for it (`chosen`), and runs if it also found room
    (`kept`). Each of the three is None where it would be true everywhere.

    Attributes:
        experts: ids of the experts, all different within a token.
        gates: weight of each expert's output; 0 where a route does not run.
        probs: the router's probabilities over all experts, before noise and bias; rows sum to 1.
        logits: the scores that the router began with.
        chosen: for routers that do not give each token K experts.
        kept: False for routes that were dropped because their expert was full.
        valid: False for padding.
        wanted: the gates before any route was dropped; None where none was.
        chances: probability that an expert is chosen when the router's noise is drawn again.
        sequences: how many sequences of equal length the tokens are, one after the other.
    """

    experts: Int[Tensor, "T K"]
    gates: Float[Tensor, "T K"]
    probs: Float[Tensor, "T E"]
    logits: Float[Tensor, "T E"]
    chosen: Bool[Tensor, "T K"] | None = None
    kept: Bool[Tensor, "T K"] | None = None
    valid: Bool[Tensor, " T"] | None = None
    wanted: Float[Tensor, "T K"] | None = None
    chances: Float[Tensor, "T E"] | None = None
    sequences: int = 1

    @property
    def num_experts(self) -> int:
        """E."""
        return self.probs.shape[1]

    @property
    def top_k(self) -> int:
        """K."""
        return self.experts.shape[1]

    def counted(self) -> Bool[Tensor, "T K"] | None:
        """The routes that count, dropped ones among them; None for all."""
        valid = None if self.valid is None else self.valid[:, None].expand_as(self.experts)
        return _both(valid, self.chosen)

    def running(self) -> Bool[Tensor, "T K"] | None:
        """The routes that run; None for all."""
        return _both(self.counted(), self.kept)

    def load(self) -> Int[Tensor, " E"]:
        """How many routes each expert should take, before any is dropped."""
        return count_ids(self.experts, self.counted(), self.num_experts)

    def executed_load(self) -> Int[Tensor, " E"]:
        """How many routes each expert does take."""
        return count_ids(self.experts, self.running(), self.num_experts)


def count_ids(ids: Tensor, mask: Tensor | None, size: int) -> Int[Tensor, " N"]:
    """How often each of `size` numbers is among the ids that the mask leaves; None leaves all."""
    ones = torch.ones_like(ids) if mask is None else mask.long()
    # Not bincount: on CUDA it waits for the device.
    return ids.new_zeros(size).scatter_add_(0, ids.flatten(), ones.flatten())


def _both(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    if a is None or b is None:
        return b if a is None else a
    return a & b

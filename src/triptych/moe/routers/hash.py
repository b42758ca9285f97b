"""Routing that is drawn once and never learned."""

from collections.abc import Callable
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from triptych.moe.routers.router import TopKRouter
from triptych.moe.routing import Routing
from triptych.moe.scores import FrozenScores, Scores


@final
class HashTopK(TopKRouter):
    """The K largest of frozen random scores of the token, all gates 1 / K.

    Hash layers (Roller et al. 2021, arXiv 2106.04426) look a token's id up in a fixed random table;
    where tokens are vectors, a random projection is their hash: near vectors go to the same
    experts. With `ScrambledScores` they go anywhere. Both are controls for every learned router.
    `probs` is 1 / K for the chosen experts.

    Args:
        d_in: width D of a token.
        num_experts: E.
        top_k: K, experts per token.
        scores: makes the hash from (D, E).
    """

    def __init__(
        self,
        d_in: int,
        num_experts: int,
        *,
        top_k: int,
        scores: Callable[[int, int], Scores] = FrozenScores,
    ) -> None:
        super().__init__(d_in, num_experts, top_k=top_k, scores=scores)

    def decide(
        self,
        x: Float[Tensor, "T D"],
        logits: Float[Tensor, "T E"],
        valid: Bool[Tensor, " T"] | None,
    ) -> Routing:
        """No gradient to anything."""
        logits = logits.detach()
        experts = torch.topk(logits, self.top_k, dim=-1).indices
        gates = logits.new_full(experts.shape, 1 / self.top_k)
        probs = torch.zeros_like(logits).scatter(1, experts, gates)
        return Routing(experts=experts, gates=gates, probs=probs, logits=logits)

"""Routing to scores that are evened over experts by Sinkhorn's algorithm."""

from collections.abc import Callable
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from triptych.errors import InvalidSetting
from triptych.moe.routers.router import TopKRouter
from triptych.moe.routing import Routing
from triptych.moe.scores import LinearScores, Scores


@final
class SinkhornTopK(TopKRouter):
    """In training the K largest of Sinkhorn-normalised `exp(logits)`, whose columns have equal sums
    (S-BASE, Clark et al. 2022, arXiv 2202.01169); in evaluation the K largest logits.

    The selection carries no gradient. The gate of a chosen expert is `sigmoid(logit)` for K = 1 and
    its softmax probability for K > 1, not renormalised (as Megatron-LM has it).

    Args:
        d_in: width D of a token.
        num_experts: E.
        top_k: K, experts per token.
        scores: makes the scoring net from (D, E).
        iterations: how often rows and columns are normalised.

    Raises:
        InvalidSetting: if iterations is below 1.
    """

    def __init__(
        self,
        d_in: int,
        num_experts: int,
        *,
        top_k: int,
        iterations: int,
        scores: Callable[[int, int], Scores] = LinearScores,
    ) -> None:
        super().__init__(d_in, num_experts, top_k=top_k, scores=scores)
        if iterations < 1:
            raise InvalidSetting(f"iterations of Sinkhorn must be at least 1, got {iterations}")
        self.iterations = iterations

    def decide(
        self,
        x: Float[Tensor, "T D"],
        logits: Float[Tensor, "T E"],
        valid: Bool[Tensor, " T"] | None,
    ) -> Routing:
        """Tokens are compared in training alone."""
        wishes = logits.detach()
        if self.training:
            wishes = wishes - column_potentials(wishes, valid, self.iterations)
        experts = torch.topk(wishes, self.top_k, dim=-1).indices
        probs = torch.softmax(logits, dim=-1)
        of_all = torch.sigmoid(logits) if self.top_k == 1 else probs
        return Routing(experts=experts, gates=of_all.gather(1, experts), probs=probs, logits=logits)


def column_potentials(
    logits: Float[Tensor, "T E"], valid: Bool[Tensor, " T"] | None, iterations: int
) -> Float[Tensor, " E"]:
    """v such that `exp(logits - v)`, its rows divided by their sums, has equal column sums over
    real tokens (Sinkhorn and Knopp 1967), up to a constant; in logarithms, so nothing overflows.
    """
    potentials = logits.new_zeros(logits.shape[1])
    for _ in range(iterations):
        rows = torch.log_softmax(logits - potentials, dim=1) + potentials
        if valid is not None:
            rows = torch.where(valid[:, None], rows, -torch.inf)
        potentials = torch.logsumexp(rows, dim=0)
    return potentials

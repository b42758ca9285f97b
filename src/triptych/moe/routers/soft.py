"""Soft routing: every expert, weighted."""

from collections.abc import Callable
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from triptych.errors import InvalidSetting
from triptych.moe.routers.router import Router
from triptych.moe.routing import Routing
from triptych.moe.scores import CosineScores, Scores


@final
class SoftRouter(Router):
    """Soft MoE (Puigcerver et al. 2024, arXiv 2308.00951) where each token is its own sequence.

    Its dispatch weights, a softmax over the tokens of a sequence, are then 1, so each expert sees
    the token itself, and the output is the mixture of all experts with softmax gates.
    For longer sequences see `SoftMoE`.

    Args:
        d_in: width D of a token.
        num_experts: E; K is E.
        scores: makes the scoring net from (D, E).
    """

    def __init__(
        self,
        d_in: int,
        num_experts: int,
        *,
        scores: Callable[[int, int], Scores] = CosineScores,
    ) -> None:
        super().__init__()
        if num_experts < 1:
            raise InvalidSetting(f"num_experts must be at least 1, got {num_experts}")
        self.num_experts = num_experts
        self.scores = scores(d_in, num_experts)

    def forward(
        self,
        x: Float[Tensor, "T D"],
        valid: Bool[Tensor, " T"] | None = None,
        family: Int[Tensor, " T"] | None = None,
    ) -> Routing:
        """(T, D) -> all experts of each token, the most probable first."""
        return soft_routing(self.scores(x), valid)

    @property
    def routes_per_token(self) -> float:
        """E."""
        return float(self.num_experts)


def soft_routing(logits: Float[Tensor, "T E"], valid: Bool[Tensor, " T"] | None) -> Routing:
    """Every expert, with its softmax probability as gate."""
    probs = torch.softmax(logits, dim=-1)
    gates, experts = torch.sort(probs, dim=-1, descending=True, stable=True)
    if valid is not None:
        gates = torch.where(valid[:, None], gates, 0.0)
    return Routing(experts=experts, gates=gates, probs=probs, logits=logits, valid=valid)

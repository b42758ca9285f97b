"""Top-k that balances itself by a bias on each expert."""

import math
from collections.abc import Callable
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from triptych.errors import InvalidSetting
from triptych.moe.routers.router import SelfBalancing, TopKRouter
from triptych.moe.routers.sigmoid import sigmoid_gates, sigmoid_probs
from triptych.moe.routing import Routing
from triptych.moe.scores import LinearScores, Scores


@final
class BiasTopK(TopKRouter, SelfBalancing):
    """The K largest `sigmoid(logits) + bias`; gates from the sigmoids alone (DeepSeek-V3,
    arXiv 2412.19437, eq. 13 to 16).

    No loss balances it: after each step `bias_e += speed * sign(mean load - load_e)` (Wang et al.
    2024, arXiv 2408.15664, alg. 1), shifted to mean 0, which changes no choice.

    Args:
        d_in: width D of a token.
        num_experts: E.
        top_k: K, experts per token.
        speed: how far a bias moves in one step.
        scores: makes the scoring net from (D, E).

    Raises:
        InvalidSetting: if speed is negative or infinite.
    """

    bias: Tensor

    def __init__(
        self,
        d_in: int,
        num_experts: int,
        *,
        top_k: int,
        speed: float,
        scores: Callable[[int, int], Scores] = LinearScores,
    ) -> None:
        super().__init__(d_in, num_experts, top_k=top_k, scores=scores)
        if not 0 <= speed < math.inf:
            raise InvalidSetting(f"speed of the bias must not be negative or infinite, got {speed}")
        self.speed = speed
        self.register_buffer("bias", torch.zeros(num_experts))

    def decide(
        self,
        x: Float[Tensor, "T D"],
        logits: Float[Tensor, "T E"],
        valid: Bool[Tensor, " T"] | None,
    ) -> Routing:
        """The bias moves choices and nothing else."""
        wishes = torch.sigmoid(logits.detach()) + self.bias
        experts = torch.topk(wishes, self.top_k, dim=-1).indices
        gates = sigmoid_gates(logits, experts)
        return Routing(experts=experts, gates=gates, probs=sigmoid_probs(logits), logits=logits)

    @torch.no_grad()
    def rebalance(self, load: Int[Tensor, " E"]) -> None:
        """Lifts experts below the mean load and lowers those above."""
        load = load.to(self.bias.dtype)
        self.bias += self.speed * torch.sign(load.mean() - load)
        self.bias -= self.bias.mean()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "BiasTopK":
        # `.bfloat16()` must not round the bias: a step of 0.001 would be lost beside 0.5.
        exact = self.bias
        super()._apply(fn, recurse)
        at_least = torch.promote_types(self.bias.dtype, torch.float32)
        source = self.bias if exact.is_meta else exact
        self.bias = source.to(self.bias.device, at_least)
        return self

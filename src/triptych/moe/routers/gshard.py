"""Top-2 with a second expert that is left to chance."""

from collections.abc import Callable
from dataclasses import replace
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from triptych.errors import IncompatibleSettings
from triptych.moe.routers.router import TopKRouter
from triptych.moe.routing import Routing
from triptych.moe.scores import LinearScores, Scores


@final
class GShardTop2(TopKRouter):
    """Softmax, the two most probable, gates renormalised to sum 1; in training the second expert
    is asked with probability `min(1, 2 g_2)` (GShard, arXiv 2006.16668, alg. 1), in evaluation
    always. The first gate does not grow where the second expert is not asked.

    Raises:
        IncompatibleSettings: if top_k is not 2.
    """

    def __init__(
        self,
        d_in: int,
        num_experts: int,
        *,
        top_k: int = 2,
        scores: Callable[[int, int], Scores] = LinearScores,
    ) -> None:
        if top_k != 2:
            raise IncompatibleSettings(
                f"model/router=gshard asks a first and a second expert, so top_k must be 2, got"
                f" {top_k}: set model.top_k=2 or take model/router=topk"
            )
        super().__init__(d_in, num_experts, top_k=top_k, scores=scores)

    def decide(
        self,
        x: Float[Tensor, "T D"],
        logits: Float[Tensor, "T E"],
        valid: Bool[Tensor, " T"] | None,
    ) -> Routing:
        """The second expert by lot in training alone."""
        probs = torch.softmax(logits, dim=-1)
        gates, experts = torch.topk(probs, 2, dim=-1)
        gates = gates / gates.sum(dim=-1, keepdim=True)
        routing = Routing(experts=experts, gates=gates, probs=probs, logits=logits)
        if not self.training:
            return routing
        chosen = torch.ones_like(experts, dtype=torch.bool)
        chosen[:, 1] = torch.rand_like(gates[:, 1]) < 2 * gates[:, 1].detach()
        return replace(routing, gates=torch.where(chosen, gates, 0.0), chosen=chosen)

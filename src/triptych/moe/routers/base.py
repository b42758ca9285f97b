"""Routing as an assignment problem: every expert gets equally many tokens."""

import math
from collections.abc import Callable
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from triptych.errors import IncompatibleSettings
from triptych.moe.routers.router import TopKRouter
from triptych.moe.routing import Routing
from triptych.moe.scores import LinearScores, Scores


@final
class BaseAssignment(TopKRouter):
    """In training the assignment of tokens to experts with the largest sum of logits among those
    that give each expert at most `ceil(T / E)` tokens; in evaluation the expert with the largest
    logit. The gate is `sigmoid(logit)`. BASE layers, Lewis et al. 2021, arXiv 2103.16716.

    The exact solver runs on the CPU, and its time grows with T^3 at worst: for small batches.

    Raises:
        IncompatibleSettings: if top_k is not 1.
    """

    def __init__(
        self,
        d_in: int,
        num_experts: int,
        *,
        top_k: int = 1,
        scores: Callable[[int, int], Scores] = LinearScores,
    ) -> None:
        if top_k != 1:
            raise IncompatibleSettings(
                f"model/router=base assigns one expert to each token, so top_k must be 1, got"
                f" {top_k}: set model.top_k=1 or take model/router=sinkhorn"
            )
        super().__init__(d_in, num_experts, top_k=top_k, scores=scores)

    def decide(
        self,
        x: Float[Tensor, "T D"],
        logits: Float[Tensor, "T E"],
        valid: Bool[Tensor, " T"] | None,
    ) -> Routing:
        """Tokens are compared in training alone; padding takes no room."""
        best = logits.detach().argmax(dim=-1)
        if self.training and valid is None:
            best = balanced_assignment(logits.detach())
        elif self.training and valid is not None:
            best[valid] = balanced_assignment(logits.detach()[valid])
        experts = best[:, None]
        gates = torch.sigmoid(logits.gather(1, experts))
        probs = torch.softmax(logits, dim=-1)
        return Routing(experts=experts, gates=gates, probs=probs, logits=logits)


def balanced_assignment(scores: Float[Tensor, "T E"]) -> Int[Tensor, " T"]:
    """The expert of each token: at most `ceil(T / E)` tokens each, the largest sum of scores."""
    from scipy.optimize import linear_sum_assignment  # here: slow to import, and of use to few

    tokens, experts = scores.shape
    slots = math.ceil(tokens / experts)
    # A net that diverges has scores that are no numbers; it is the loss that will say so.
    each = torch.nan_to_num(scores).cpu().numpy().repeat(slots, axis=1)  # (T, E * slots)
    slot = torch.from_numpy(linear_sum_assignment(each, maximize=True)[1]).to(scores.device)
    return slot if slots == 0 else torch.div(slot, slots, rounding_mode="floor")

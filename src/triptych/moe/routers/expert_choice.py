"""Experts choose tokens."""

import math
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from triptych.moe.routers.router import TopKRouter
from triptych.moe.routing import Routing


@final
class ExpertChoice(TopKRouter):
    """Each expert takes the C tokens that it is most probable for, `C = ceil(K T / E)`; gates are
    the probabilities (Zhou et al. 2022, arXiv 2202.09368, eq. 1 and 2). K is the paper's capacity
    factor c: a token gets K experts on average, some get none, some get all.

    Loads are equal by construction. But tokens compete: an answer depends on the rest of the batch,
    in evaluation too, and in a sequence on later tokens, so it does not fit causal models.

    A `Routing` has E routes per token, the most probable first; `chosen` tells which are real.
    """

    def decide(
        self,
        x: Float[Tensor, "T D"],
        logits: Float[Tensor, "T E"],
        valid: Bool[Tensor, " T"] | None,
    ) -> Routing:
        """Padding is never taken and makes no room."""
        probs = torch.softmax(logits, dim=-1)
        tokens = len(x) if valid is None else int(valid.sum())
        room = math.ceil(self.top_k * tokens / probs.shape[1])
        wishes = probs.detach()
        if valid is not None:
            wishes = torch.where(valid[:, None], wishes, -1.0)
        taken = torch.zeros_like(wishes, dtype=torch.bool)
        taken.scatter_(0, torch.topk(wishes, room, dim=0).indices, True)
        ordered, experts = torch.sort(probs, dim=-1, descending=True, stable=True)
        chosen = taken.gather(1, experts)
        gates = torch.where(chosen, ordered, 0.0)
        return Routing(experts=experts, gates=gates, probs=probs, logits=logits, chosen=chosen)

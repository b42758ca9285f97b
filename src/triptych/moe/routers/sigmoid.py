"""Top-k on sigmoid scores: each expert is judged by itself."""

from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from triptych.moe.routers.router import TopKRouter
from triptych.moe.routing import Routing


@final
class SigmoidTopK(TopKRouter):
    """`s = sigmoid(logits)`, then the K largest (DeepSeek-V3, arXiv 2412.19437, eq. 12 to 15).

    For K > 1 the gates are `s` over the sum of the chosen `s`; for K = 1 the gate is `s` itself.
    """

    def decide(
        self,
        x: Float[Tensor, "T D"],
        logits: Float[Tensor, "T E"],
        valid: Bool[Tensor, " T"] | None,
    ) -> Routing:
        """The larger logit has the larger sigmoid."""
        experts = torch.topk(logits, self.top_k, dim=-1).indices
        gates = sigmoid_gates(logits, experts)
        return Routing(experts=experts, gates=gates, probs=sigmoid_probs(logits), logits=logits)


def sigmoid_gates(
    logits: Float[Tensor, "T E"], experts: Int[Tensor, "T K"]
) -> Float[Tensor, "T K"]:
    """`s_e / sum over the chosen of s` for K > 1, `s_e` for K = 1."""
    log_scores = F.logsigmoid(logits.gather(1, experts))
    return log_scores.exp() if experts.shape[1] == 1 else torch.softmax(log_scores, dim=-1)


def sigmoid_probs(logits: Float[Tensor, "T E"]) -> Float[Tensor, "T E"]:
    """`s / sum s`, from logarithms: scores that all vanish still give rows that sum to 1."""
    return torch.softmax(F.logsigmoid(logits), dim=-1)

"""Top-k on scores with learned noise."""

from collections.abc import Callable
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from triptych.moe.routers.router import TopKRouter
from triptych.moe.routing import Routing
from triptych.moe.scores import LinearScores, Scores


@final
class NoisyTopK(TopKRouter):
    """`H = x W + N(0, 1) * softplus(x W_noise)`, the K largest H, softmax over these alone
    (Shazeer et al. 2017, arXiv 1701.06538, eq. 3 to 5); for K = 1 the softmax is over all experts.

    In evaluation there is no noise. `probs` are of the scores without noise. `chances` are eq. 8
    and 9: how likely each expert would be among the K if its own noise were drawn again.

    Args:
        d_in: width D of a token.
        num_experts: E.
        top_k: K, experts per token.
        scores: makes the scoring net from (D, E).
    """

    def __init__(
        self,
        d_in: int,
        num_experts: int,
        *,
        top_k: int,
        scores: Callable[[int, int], Scores] = LinearScores,
    ) -> None:
        super().__init__(d_in, num_experts, top_k=top_k, scores=scores)
        self.noise = LinearScores(d_in, num_experts)

    def decide(
        self,
        x: Float[Tensor, "T D"],
        logits: Float[Tensor, "T E"],
        valid: Bool[Tensor, " T"] | None,
    ) -> Routing:
        """Noise in training alone."""
        deviation = F.softplus(self.noise(x))
        noisy = logits + torch.randn_like(logits) * deviation if self.training else logits
        best, experts = torch.topk(noisy, self.top_k, dim=-1)
        if self.top_k == 1:
            gates = torch.softmax(noisy, dim=-1).gather(1, experts)
        else:
            gates = torch.softmax(best, dim=-1)
        return Routing(
            experts=experts,
            gates=gates,
            probs=torch.softmax(logits, dim=-1),
            logits=logits,
            chances=chance_in_top_k(logits, noisy, deviation, self.top_k),
        )


def chance_in_top_k(
    clean: Float[Tensor, "T E"],
    noisy: Float[Tensor, "T E"],
    deviation: Float[Tensor, "T E"],
    top_k: int,
) -> Float[Tensor, "T E"]:
    """`Phi((clean_e - kth largest noisy score of the others) / deviation_e)`: the chance of expert
    e to be among the K when its noise is drawn again and that of the others stays.

    All scores are logits, never probabilities. Its mean over the noise sums to K over experts.
    """
    if top_k == clean.shape[1]:
        return torch.ones_like(clean)
    best = torch.topk(noisy, top_k + 1, dim=-1).values
    last_in, first_out = best[:, top_k - 1 : top_k], best[:, top_k:]
    others = torch.where(noisy > first_out, first_out, last_in)
    return torch.special.ndtr((clean - others) / deviation.clamp(min=1e-10))

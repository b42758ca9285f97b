"""Soft MoE: experts work on mixtures of tokens; nothing is chosen and nothing is dropped."""

from collections.abc import Callable
from dataclasses import replace
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from triptych.errors import InvalidSetting
from triptych.moe.experts.bank import ExpertBank
from triptych.moe.routers.soft import soft_routing
from triptych.moe.routing import Routing
from triptych.moe.scores import CosineScores, Scores


@final
class SoftMoE(nn.Module):
    """`y_t = sum_s C_ts f_e(s)(sum_u D_us x_u)`, for slots s of which each expert has equally many
    (Puigcerver et al. 2024, arXiv 2308.00951).

    D is the softmax of the scores over the tokens of a sequence, C the softmax over all slots. The
    work of an expert does not grow with the sequence. Tokens of a sequence mix, so it does not fit
    causal models.

    Args:
        d_in: width D of a token.
        experts: the bank.
        slots: per expert.
        scores: makes the scoring net from (D, E * slots).

    Raises:
        InvalidSetting: if slots is below 1.
    """

    def __init__(
        self,
        d_in: int,
        experts: ExpertBank,
        *,
        slots: int,
        scores: Callable[[int, int], Scores] = CosineScores,
    ) -> None:
        super().__init__()
        if slots < 1:
            raise InvalidSetting(f"slots per expert must be at least 1, got {slots}")
        self.experts, self.slots = experts, slots
        self.num_experts = len(experts.costs())
        self.scores = scores(d_in, self.num_experts * slots)

    def forward(
        self, x: Float[Tensor, "B S D"], valid: Bool[Tensor, "B S"] | None = None
    ) -> tuple[Float[Tensor, "B S O"], Routing]:
        """(B, S, D) -> (B, S, O), and as decision the share of each expert's slots in each token.

        Args:
            valid: False for padding, which no slot sees and whose output is 0.
        """
        batch, length, width = x.shape
        flat = self.scores(x.reshape(-1, width))
        logits = flat.view(batch, length, self.num_experts * self.slots)  # (B S N)
        inputs = mixtures(x, logits, valid).split(self.slots, dim=1)
        experts = zip(self.experts.each(), inputs, strict=True)
        parts = [expert(rows.flatten(0, 1)) for expert, rows in experts]  # (B * slots, O)
        answers = torch.cat([part.unflatten(0, (batch, self.slots)) for part in parts], dim=1)
        combine = torch.softmax(logits, dim=-1)
        if valid is not None:
            combine = torch.where(valid[..., None], combine, 0.0)
        y = torch.bmm(combine.to(answers.dtype), answers)
        by_expert = flat.view(len(flat), self.num_experts, self.slots).logsumexp(dim=-1)
        routing = soft_routing(by_expert, None if valid is None else valid.reshape(-1))
        return y, replace(routing, sequences=batch)


def mixtures(
    x: Float[Tensor, "B S D"], logits: Float[Tensor, "B S N"], valid: Bool[Tensor, "B S"] | None
) -> Float[Tensor, "B N D"]:
    """What each of N slots sees: `sum_u softmax_u(logits_us) x_u` over real tokens."""
    if valid is not None:
        x = torch.where(valid[..., None], x, 0.0)
        logits = torch.where(valid[..., None], logits, -torch.inf)
        # A sequence of padding alone has no softmax; its slots see zeros.
        logits = torch.where(valid.any(dim=1)[:, None, None], logits, 0.0)
    return torch.bmm(torch.softmax(logits, dim=1).transpose(1, 2).to(x.dtype), x)

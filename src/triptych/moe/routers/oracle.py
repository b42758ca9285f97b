"""Routing by what is known of a token: the best that a router could learn, or the worst."""

from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.moe.routers.router import Router
from triptych.moe.routing import Routing


@final
class OracleRouter(Router):
    """One expert for each family of tokens: family g goes to expert g mod E, with gate 1.

    Where the families are the rules that made the labels, it is the control above every learned
    router: nothing is left to learn but the experts. Where there are more families than experts,
    experts share them out evenly.

    Args:
        d_in: width D of a token; it looks at none.
        num_experts: E.
        top_k: 1.

    Raises:
        IncompatibleSettings: for another top_k.
    """

    def __init__(self, d_in: int, num_experts: int, *, top_k: int) -> None:
        super().__init__()
        if num_experts < 1:
            raise InvalidSetting(f"num_experts must be at least 1, got {num_experts}")
        if top_k != 1:
            raise IncompatibleSettings(
                f"top_k must be 1 for the oracle router, got {top_k}: a token has one family"
            )
        self.num_experts = num_experts

    def forward(
        self,
        x: Float[Tensor, "T D"],
        valid: Bool[Tensor, " T"] | None = None,
        family: Int[Tensor, " T"] | None = None,
    ) -> Routing:
        """(T, D) and the family of each token -> its expert.

        Raises:
            IncompatibleSettings: without families.
        """
        if family is None:
            raise IncompatibleSettings(
                "the oracle router needs the family of every token: it is a control for data whose"
                " families are known, and cannot work alone"
            )
        experts = family.unsqueeze(1) % self.num_experts
        gates = torch.ones_like(experts, dtype=x.dtype)
        if valid is not None:
            gates = torch.where(valid[:, None], gates, 0.0)
        probs = torch.zeros(len(x), self.num_experts, dtype=x.dtype, device=x.device)
        probs.scatter_(1, experts, 1.0)
        return Routing(experts=experts, gates=gates, probs=probs, logits=probs, valid=valid)

    @property
    def routes_per_token(self) -> float:
        """1."""
        return 1.0

"""Routers: they score the experts for each token and choose."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from triptych.errors import IncompatibleSettings, InvalidSetting, check_dropout
from triptych.moe.routing import Routing


class Router(nn.Module, ABC):
    """Maps tokens to a `Routing`."""

    @abstractmethod
    def forward(self, x: Float[Tensor, "T D"]) -> Routing:
        """(T, D) -> the decision for each token."""

    @property
    @abstractmethod
    def routes_per_token(self) -> float:
        """How many experts a token gets on average (K of a top-k router)."""


@final
class LinearScores(nn.Linear):
    """One linear map from token to expert scores, without bias, N(0, 0.02).

    Not zero: equal scores would send all tokens to the same K experts.
    """

    def __init__(self, d_in: int, num_experts: int) -> None:
        super().__init__(d_in, num_experts, bias=False)
        nn.init.normal_(self.weight, std=0.02)


@final
class MLPScores(nn.Sequential):
    """Scores from one hidden ReLU layer; weights N(0, 0.1), biases 0, as in the source study."""

    def __init__(self, d_in: int, num_experts: int, *, hidden: int, dropout: float) -> None:
        if hidden < 1:
            raise InvalidSetting(f"hidden of the router must be at least 1, got {hidden}")
        check_dropout(dropout)
        super().__init__(
            nn.Linear(d_in, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, num_experts)
        )
        for layer in self:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.1)
                nn.init.zeros_(layer.bias)


@final
class TopKRouter(Router):
    """Softmax over all experts, then the K most probable (Shazeer et al. 2017, arXiv 1701.06538).

    For K > 1 the gates are renormalised to sum 1. For K = 1 the gate is the raw probability
    (Switch, arXiv 2101.03961, eq. 2): renormalised it would be 1, and the router without gradient.

    Args:
        d_in: width D of a token.
        num_experts: E.
        top_k: K, experts per token.
        scores: makes the scoring net from (D, E).

    Raises:
        IncompatibleSettings: if top_k is not in [1, num_experts].
    """

    def __init__(
        self,
        d_in: int,
        num_experts: int,
        *,
        top_k: int,
        scores: Callable[[int, int], nn.Module],
    ) -> None:
        super().__init__()
        if num_experts < 1:
            raise InvalidSetting(f"num_experts must be at least 1, got {num_experts}")
        if top_k < 1:
            raise InvalidSetting(f"top_k must be at least 1, got {top_k}")
        if top_k > num_experts:
            raise IncompatibleSettings(
                f"top_k must be in [1, num_experts={num_experts}], got {top_k}:"
                " lower top_k or raise num_experts"
            )
        self.top_k = top_k
        self.scores = scores(d_in, num_experts)

    def forward(self, x: Float[Tensor, "T D"]) -> Routing:
        """(T, D) -> the K experts of each token."""
        scores = self.scores(x)
        # At least single precision: in bfloat16 many probabilities would tie.
        precise = torch.promote_types(scores.dtype, torch.float32)
        probs = torch.softmax(scores, dim=-1, dtype=precise)
        gates, experts = torch.topk(probs, self.top_k, dim=-1)
        if self.top_k > 1:
            gates = gates / gates.sum(dim=-1, keepdim=True)
        return Routing(experts=experts, gates=gates.to(x.dtype), probs=probs)

    @property
    def routes_per_token(self) -> float:
        """K, exactly."""
        return float(self.top_k)

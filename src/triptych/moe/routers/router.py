"""What every router is: a map from tokens to a `Routing`."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.moe.routing import Routing
from triptych.moe.scores import LinearScores, Scores


class Router(nn.Module, ABC):
    """Maps tokens to a `Routing`. What is random is random in training alone."""

    @abstractmethod
    def forward(
        self,
        x: Float[Tensor, "T D"],
        valid: Bool[Tensor, " T"] | None = None,
        family: Int[Tensor, " T"] | None = None,
    ) -> Routing:
        """(T, D) -> the decision for each token.

        Args:
            valid: False for padding, whose routes count nowhere and whose gates are 0.
            family: what is known of each token, for routers that go by it; others ignore it.
        """

    @property
    @abstractmethod
    def routes_per_token(self) -> float:
        """How many experts a token gets on average (K of a top-k router)."""


class SelfBalancing(ABC):
    """A router that evens its load by itself, without a loss."""

    @abstractmethod
    def rebalance(self, load: Int[Tensor, " E"]) -> None:
        """Once per optimizer step.

        Args:
            load: routes that each expert should have taken since the last step, over all ranks.
        """


class TopKRouter(Router, ABC):
    """Scores all experts and gives each token K of them; subclasses say how.

    Args:
        d_in: width D of a token.
        num_experts: E.
        top_k: K, experts per token.
        scores: makes the scoring net from (D, E).

    Raises:
        IncompatibleSettings: if top_k is above num_experts.
    """

    def __init__(
        self,
        d_in: int,
        num_experts: int,
        *,
        top_k: int,
        scores: Callable[[int, int], Scores] = LinearScores,
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

    @abstractmethod
    def decide(
        self,
        x: Float[Tensor, "T D"],
        logits: Float[Tensor, "T E"],
        valid: Bool[Tensor, " T"] | None,
    ) -> Routing:
        """The decision, as if all tokens were real; `valid` is for those who compare tokens."""

    @final
    def forward(
        self,
        x: Float[Tensor, "T D"],
        valid: Bool[Tensor, " T"] | None = None,
        family: Int[Tensor, " T"] | None = None,
    ) -> Routing:
        """(T, D) -> the K experts of each token."""
        routing = self.decide(x, self.scores(x), valid)
        if valid is None:
            return routing
        gates = torch.where(valid[:, None], routing.gates, 0.0)
        return replace(routing, gates=gates, valid=valid)

    @property
    def routes_per_token(self) -> float:
        """K, exactly."""
        return float(self.top_k)

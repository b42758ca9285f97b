"""The mixture-of-experts layer: router, capacity, dispatch and experts put together."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import final

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from triptych.errors import InvalidSetting
from triptych.moe.capacity import Capacity, Dropless
from triptych.moe.dispatch.loop import loop_dispatch
from triptych.moe.experts.bank import ExpertBank
from triptych.moe.routers.router import Router
from triptych.moe.routing import Routing
from triptych.types import Cost

Dispatch = Callable[[Tensor, Routing, ExpertBank], Tensor]
"""(x (T, D), routing, experts) -> (T, O): the running routes' answers, weighted and summed."""


@final
class MoE(nn.Module):
    """`y_t = sum over the chosen experts e of gate_te * expert_e(x_t)`, + a shared expert if any.

    Args:
        router: decides.
        experts: the bank; as many experts as the router knows.
        dispatch: how rows travel, such as `loop_dispatch`.
        capacity: which routes run, where experts have limited room.
        shared: a network D -> O that every token passes (DeepSeekMoE, arXiv 2401.06066).
    """

    def __init__(
        self,
        router: Router,
        experts: ExpertBank,
        dispatch: Dispatch = loop_dispatch,
        capacity: Capacity | None = None,
        shared: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.router = router
        self.experts = experts
        self.dispatch = dispatch
        self.capacity = capacity or Dropless()
        self.shared = shared

    def forward(
        self,
        x: Float[Tensor, "*batch D"],
        valid: Bool[Tensor, "*batch"] | None = None,
        family: Int[Tensor, "*batch"] | None = None,
    ) -> tuple[Float[Tensor, "*batch O"], Routing]:
        """(..., D) -> (..., O) and the decision that led there.

        Args:
            x: (T, D) is one sequence of T tokens; (B, S, D) are B sequences.
            valid: False for padding; its output is 0 (or the shared expert's).
            family: what is known of each token, for routers that go by it.
        """
        if x.ndim < 2:
            raise InvalidSetting(f"x must have at least 2 dimensions, got shape {tuple(x.shape)}")
        tokens = x.reshape(-1, x.shape[-1])
        known = (None if given is None else given.reshape(-1) for given in (valid, family))
        routing = self.router(tokens, *known)
        if x.ndim > 2:
            routing = replace(routing, sequences=x.shape[:-2].numel())
        routing = self.capacity(routing, self.training)
        y = self.dispatch(tokens, routing, self.experts)
        if self.shared is not None:
            y = y + self.shared(tokens)
        return y.view(*x.shape[:-1], y.shape[-1]), routing

    def uniform_share(self) -> list[float]:
        """The share of tokens that each expert gets at perfect balance; sums to K."""
        experts = len(self.experts.costs())
        return [self.router.routes_per_token / experts] * experts

    def cost(self, always: Cost, share: Sequence[float]) -> Cost:
        """What one token costs.

        Args:
            always: the cost of what every token meets: the router and a shared expert.
            share: for each expert, the share of tokens that it gets.
        """
        experts = (c.used(s) for c, s in zip(self.experts.costs(), share, strict=True))
        return sum(experts, always)

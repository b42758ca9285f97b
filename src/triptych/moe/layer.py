"""The mixture-of-experts layer: router, dispatch and experts put together."""

from collections.abc import Callable, Sequence
from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from triptych.moe.experts import ExpertBank
from triptych.moe.router import Router
from triptych.moe.routing import Routing
from triptych.types import Cost


@final
class MoE(nn.Module):
    """`y_t = sum over the chosen experts e of gate_te * expert_e(x_t)`.

    Args:
        router: decides.
        experts: the bank; as many experts as the router knows.
        dispatch: how rows travel, such as `loop_dispatch`.
    """

    def __init__(
        self,
        router: Router,
        experts: ExpertBank,
        dispatch: Callable[[Tensor, Routing, ExpertBank], Tensor],
    ) -> None:
        super().__init__()
        self.router = router
        self.experts = experts
        self.dispatch = dispatch

    def forward(self, x: Float[Tensor, "T D"]) -> tuple[Float[Tensor, "T O"], Routing]:
        """(T, D) -> (T, O) and the decision that led there."""
        routing = self.router(x)
        return self.dispatch(x, routing, self.experts), routing

    def uniform_share(self) -> list[float]:
        """The share of tokens that each expert gets at perfect balance; sums to K."""
        experts = len(self.experts.costs())
        return [self.router.routes_per_token / experts] * experts

    def cost(self, router: Cost, share: Sequence[float]) -> Cost:
        """What one token costs.

        Args:
            router: the cost of the router.
            share: for each expert, the share of tokens that it gets; sums to K.
        """
        experts = (c.used(s) for c, s in zip(self.experts.costs(), share, strict=True))
        return sum(experts, router)

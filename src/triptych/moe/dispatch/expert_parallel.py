"""Expert parallelism: experts live on several ranks, and rows travel to them and back."""

from typing import Any, final

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch import distributed as dist
from torch.autograd.function import once_differentiable

from triptych.moe.dispatch.order import combine_rows, gather_rows, sort_routes
from triptych.moe.experts.bank import ExpertBank
from triptych.moe.layer import Dispatch
from triptych.moe.routing import Routing


@final
class ExpertParallel:
    """Sends each row to the rank that holds its expert (GShard, arXiv 2006.16668, section 3).

    All ranks of the group must call it together, one without tokens too; they may have different
    numbers of tokens. Rank r holds experts `r * E / R` to `(r + 1) * E / R - 1` of E over R ranks.
    A row's gradient is that of its own rank's loss; an expert's is the sum over all ranks' losses.

    Args:
        local: runs the experts that a rank holds on the rows that arrive.
        group: the ranks that hold all experts together.
    """

    def __init__(self, local: Dispatch, group: dist.ProcessGroup) -> None:
        self.local, self.group = local, group

    def __call__(
        self, x: Float[Tensor, "T D"], routing: Routing, experts: ExpertBank
    ) -> Float[Tensor, "T O"]:
        """Waits for the device once, for the numbers of rows that travel."""
        order = sort_routes(routing)
        arriving = self._counts(order.groups.counts)
        leaving = order.groups.counts.view_as(arriving)
        sent, received = torch.stack([leaving, arriving]).sum(dim=2).tolist()
        rows = _Exchange.apply(gather_rows(x, order), sent, received, self.group)
        answers = self.local(rows, _one_route_each(arriving, sum(received), routing), experts)
        answers = _Exchange.apply(answers, received, sent, self.group)
        return combine_rows(answers, routing.gates, order)

    def _counts(self, own: Int[Tensor, " E"]) -> Int[Tensor, "R L"]:
        """How many rows come from each rank for each of the L local experts."""
        arriving = torch.empty_like(own)
        dist.all_to_all_single(arriving, own, group=self.group)
        return arriving.view(self.group.size(), -1)


def _one_route_each(arriving: Int[Tensor, "R L"], rows: int, like: Routing) -> Routing:
    """The arrived rows as tokens with one expert; gates wait at home."""
    ranks, experts = arriving.shape
    local = torch.arange(experts, device=arriving.device).repeat(ranks)
    ids = torch.repeat_interleave(local, arriving.flatten(), output_size=rows)
    nothing = like.probs.detach().new_zeros(1, experts).expand(rows, experts)
    gates = like.gates.detach().new_ones(rows, 1)
    return Routing(experts=ids.unsqueeze(1), gates=gates, probs=nothing, logits=nothing)


class _Exchange(torch.autograd.Function):
    """All-to-all of rows; the gradient takes the same way back.

    Not `torch.distributed.nn`, which is deprecated, nor the functional collectives, which are
    private.
    """

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, sent: list[int], received: list[int], group: dist.ProcessGroup
    ) -> Tensor:
        ctx.way_back = received, sent, group
        return _travel(rows, sent, received, group)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor, None, None, None]:
        return _travel(grads[0], *ctx.way_back), None, None, None


def _travel(rows: Tensor, sent: list[int], received: list[int], group: dist.ProcessGroup) -> Tensor:
    arrived = rows.new_empty(sum(received), rows.shape[1])
    dist.all_to_all_single(arrived, rows.contiguous(), received, sent, group=group)
    return arrived

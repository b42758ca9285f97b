"""Sorting routes by expert, and bringing rows there and back by gathers alone."""

from dataclasses import dataclass, replace
from typing import Any, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from triptych.moe.experts.groups import Groups
from triptych.moe.routing import Routing


@final
@dataclass(frozen=True)
class Order:
    """The N routes, sorted by expert; within an expert by token. Running ones come first.

    Attributes:
        route: which of the T * K routes each sorted row is.
        token: which token each sorted row is.
        place: the sorted row of each route; of one that does not run, any.
        running: which routes run; None for all.
        groups: which sorted rows belong to which expert.
    """

    route: Int[Tensor, " N"]
    token: Int[Tensor, " N"]
    place: Int[Tensor, "T K"]
    running: Bool[Tensor, "T K"] | None
    groups: Groups


def sort_routes(routing: Routing) -> Order:
    """One stable sort. Where routes were dropped it waits for the device, to leave them out."""
    order = sort_all_routes(routing)
    if order.running is None:
        return order
    rows = sum(order.groups.sizes)
    place = torch.where(order.running, order.place, 0)
    return replace(order, route=order.route[:rows], token=order.token[:rows], place=place)


def sort_all_routes(routing: Routing) -> Order:
    """The same with N = T * K always: routes that do not run come last, in no group.

    Never waits for the device, and shapes depend on no value. Rows from `groups.ends[-1]` on may
    hold anything, NaN too: whoever adds rows up must leave them out.
    """
    experts, running = routing.experts.flatten(), routing.running()
    if running is not None:
        experts = torch.where(running.flatten(), experts, routing.num_experts)
    route = torch.argsort(experts, stable=True)
    place = torch.zeros_like(route)
    place.scatter_(0, route, torch.arange(len(route), device=route.device))
    token = torch.div(route, routing.top_k, rounding_mode="floor")
    groups = Groups(routing.executed_load())
    return Order(route, token, place.view(routing.experts.shape), running, groups)


def gather_rows(x: Float[Tensor, "T D"], order: Order) -> Float[Tensor, "N D"]:
    """Each token's row, once for each of its running routes; the gradient is a gather too."""
    return _Gather.apply(x, order)


def combine_rows(
    rows: Float[Tensor, "N O"], gates: Float[Tensor, "T K"], order: Order
) -> Float[Tensor, "T O"]:
    """`y_t = sum_k gate_tk * rows[place_tk]`, without atomic additions, hence deterministic.

    Args:
        gates: 0 for routes that do not run.
    """
    return _Combine.apply(rows, gates.to(rows.dtype), order)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, order: Order) -> Tensor:
        ctx.order = order
        return x.index_select(0, order.token)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor, None]:
        (grad,) = grads
        return _by_token(grad, ctx.order).sum(dim=1), None


class _Combine(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, gates: Tensor, order: Order) -> Tensor:
        answers = _by_token(rows, order)
        ctx.order = order
        ctx.save_for_backward(answers, gates)
        return torch.bmm(gates.unsqueeze(1), answers).squeeze(1)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor, Tensor, None]:
        (grad,) = grads
        answers, gates = ctx.saved_tensors
        order: Order = ctx.order
        for_gates = torch.bmm(answers, grad.unsqueeze(-1)).squeeze(-1)
        weight = gates.flatten().index_select(0, order.route).unsqueeze(-1)
        return grad.index_select(0, order.token).mul_(weight), for_gates, None


def _by_token(rows: Tensor, order: Order) -> Tensor:
    """(N, D) -> (T, K, D), zeros where a route does not run."""
    tokens, top_k = order.place.shape
    if not len(rows):
        return rows.new_zeros(tokens, top_k, rows.shape[1])
    spread = rows.index_select(0, order.place.flatten()).view(tokens, top_k, rows.shape[1])
    if order.running is None:
        return spread
    return torch.where(order.running.unsqueeze(-1), spread, 0.0)  # not *: a row may hold NaN

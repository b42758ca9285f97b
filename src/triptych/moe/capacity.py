"""Capacity: how many routes an expert may take, and which are dropped where it is full."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from triptych.errors import InvalidSetting
from triptych.moe.routing import Routing


class Capacity(ABC):
    """Decides which routes run."""

    @abstractmethod
    def __call__(self, routing: Routing, training: bool) -> Routing:
        """The same routing with `kept` set, and gates of dropped routes at 0."""


@final
class Dropless(Capacity):
    """Every expert takes all that comes (MegaBlocks, arXiv 2211.15841)."""

    def __call__(self, routing: Routing, training: bool) -> Routing:
        """No change."""
        return routing


Priority = Callable[[Routing, bool], Tensor]
"""(routing, training) -> a number for each route (T, K); the largest find room first."""


@final
class Limited(Capacity):
    """At most `ceil(factor * K * T / E)` routes per expert, for T real tokens (GShard,
    arXiv 2006.16668; Switch, arXiv 2101.03961, eq. 3, has K = 1).

    Args:
        factor: 1 is just enough at perfect balance; E / K never drops.
        eval_factor: the same outside of training.
        priority: who goes first, such as `by_position`.
        renormalise: whether the gates that are left of a token are scaled to their old sum.

    Raises:
        InvalidSetting: if a factor is not above 0, or infinite.
    """

    def __init__(
        self, factor: float, eval_factor: float, priority: Priority, renormalise: bool
    ) -> None:
        for name, value in (("factor", factor), ("eval_factor", eval_factor)):
            if not 0 < value < math.inf:
                raise InvalidSetting(f"capacity {name} must be above 0 and finite, got {value}")
        self.factor, self.eval_factor = factor, eval_factor
        self.priority, self.renormalise = priority, renormalise

    def __call__(self, routing: Routing, training: bool) -> Routing:
        """Drops what does not fit."""
        factor = self.factor if training else self.eval_factor
        tokens = len(routing.experts) if routing.valid is None else int(routing.valid.sum())
        room = room_per_expert(factor, tokens * routing.top_k, routing.num_experts)
        kept = fitting(routing, self.priority(routing, training), room)
        gates = torch.where(kept, routing.gates, 0.0)
        if self.renormalise:
            after = gates.sum(dim=1, keepdim=True)
            # Where nothing is left there is nothing to scale; by 1, for a gradient without NaN.
            gates = gates * (
                routing.gates.sum(dim=1, keepdim=True) / torch.where(after > 0, after, 1)
            )
        return replace(routing, gates=gates, kept=kept, wanted=routing.gates)


def room_per_expert(factor: float, routes: int, num_experts: int) -> int:
    """`ceil(factor * routes / E)`, exactly as the factor is written.

    In floating point 1.1 * 90 / 3 is a little more than 33, and one more route would find room.

    >>> room_per_expert(1.1, 90, 3), room_per_expert(1.25, 5, 4)
    (33, 2)
    """
    return math.ceil(Fraction(str(factor)) * routes / num_experts)


def fitting(routing: Routing, priority: Float[Tensor, "T K"], room: int) -> Bool[Tensor, "T K"]:
    """The first `room` counted routes of each expert, in the order of priority.

    Ties go to the first choices of all tokens before their second, then to earlier tokens.
    """
    counted = routing.counted()
    by_choice = routing.experts.T.flatten()  # (K*T): first choices of all tokens come first
    rank = priority.detach().T.flatten()
    if counted is not None:
        by_choice = torch.where(counted.T.flatten(), by_choice, routing.num_experts)
    first = torch.argsort(rank, descending=True, stable=True)
    order = first[torch.argsort(by_choice[first], stable=True)]
    sorted_experts = by_choice[order]
    start = torch.searchsorted(sorted_experts, sorted_experts)  # where its expert begins
    within = torch.arange(len(order), device=order.device) - start
    kept = torch.zeros_like(by_choice, dtype=torch.bool)
    kept[order] = within < room
    kept = kept.view(routing.experts.T.shape).T
    return kept if counted is None else kept & counted


def by_position(routing: Routing, training: bool) -> Float[Tensor, "T K"]:
    """First come, first served, as in GShard and Switch: late tokens of a batch are dropped."""
    return torch.zeros_like(routing.gates)


def by_score(routing: Routing, training: bool) -> Float[Tensor, "T K"]:
    """Largest gates first, each route by itself; at K = 1 this is batch prioritised routing (V-MoE,
    arXiv 2106.05974, 4.1). Does not depend on the order of tokens, but on all of them."""
    return routing.gates


def at_random(routing: Routing, training: bool) -> Float[Tensor, "T K"]:
    """A lot for each route in training (DeepSpeed's random token selection); else by position."""
    return torch.rand_like(routing.gates) if training else by_position(routing, training)

"""Mixtures of experts of R replicas: their experts become those of one large mixture."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import fields, replace
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from triptych.dropout import Dropout
from triptych.moe import (
    Dropless,
    LinearScores,
    MoE,
    Routing,
    SoftmaxTopK,
    StackedMLP,
    TopKRouter,
    TopKSoftmax,
    UnnormalisedTopK,
)
from triptych.moe.dispatch.auto import choose
from triptych.moe.dispatch.loop import loop_dispatch
from triptych.moe.dispatch.order import combine_rows, gather_rows, sort_routes
from triptych.moe.native.operator import operator_if_built
from triptych.replicas.layers import batched_linear
from triptych.replicas.looped import Chances, Looped
from triptych.replicas.stacked import Stacked

BY_TOKEN = (SoftmaxTopK, UnnormalisedTopK, TopKSoftmax)
"""Routers that decide for each token by its scores alone: for tokens of all replicas at once."""
EXPERTS = ("up", "down", "up_bias", "down_bias")


@final
class StackedMoE(Stacked):
    """R of `MoE` whose experts are stacked MLPs.

    The experts of replica r take the numbers r * E to r * E + E - 1 of one bank, so that one
    dispatch serves all replicas. Their rows come in that order, hence those of a replica in the
    order of its own mixture: its dropout is the same.
    """

    members: tuple[MoE, ...]  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, members: Sequence[MoE], chances: Chances, shared: nn.Module | None) -> None:
        super().__init__(members)
        routers: list[Any] = [member.router for member in members]
        together = decides_by_token(members[0])
        self.router: Stacked = ScoredTogether(routers) if together else Looped(routers, chances)
        self.chances, self.shared = chances, shared
        banks: list[Any] = [member.experts for member in members]
        first = banks[0]
        assert isinstance(first, StackedMLP)
        self.experts = deepcopy(first)
        self.experts.num_experts = first.num_experts * len(members)
        for name in EXPERTS:
            if getattr(first, name) is not None:
                setattr(self.experts, name, self.joined(banks, name))
        self.dropout = _ByReplica([bank.dropout for bank in banks])
        self.experts.dropout = self.dropout  # pyright: ignore[reportAttributeAccessIssue]

    def forward(
        self, x: Float[Tensor, "R *batch D"], family: Tensor | None = None
    ) -> tuple[Float[Tensor, "R *batch O"], Routing]:
        """(R, B, D) -> (R, B, O), and the decisions for the R * B tokens of all replicas."""
        routing = self._routing(x, family)
        tokens = x.reshape(-1, x.shape[-1])
        folded = _folded(routing, len(self.members))
        running = routing.running()
        by_replica = None if running is None else running.view(len(self.members), -1).sum(dim=1)
        self.dropout.sizes = None if by_replica is None else by_replica.tolist()
        y = _dispatch(tokens, folded, self.experts)
        y = y.view(*x.shape[:-1], y.shape[-1])
        return y if self.shared is None else y + self.shared(x), routing

    def _routing(self, x: Tensor, family: Tensor | None) -> Routing:
        if isinstance(self.router, ScoredTogether):
            return self.router(x)
        assert isinstance(self.router, Looped)
        found: list[Routing] = []
        for r, member in enumerate(self.members):
            routing = self.router.one(r, x[r], None, None if family is None else family[r])
            with self.chances.of(r):
                found.append(member.capacity(routing, self.training))
        return _concatenated(found)


@final
class ScoredTogether(Stacked):
    """R linear scores as one batched product; then one decision for all tokens."""

    def __init__(self, members: Sequence[TopKRouter]) -> None:
        super().__init__(members)
        scores = [member.scores for member in members]
        self.weight = self.together([s.linear for s in scores], "weight")  # pyright: ignore
        self.temperature = scores[0].temperature

    def forward(self, x: Float[Tensor, "R B D"]) -> Routing:
        """(R, B, D) -> the decisions for R * B tokens."""
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        logits = batched_linear(x, self.weight.to(x.dtype), None) / self.temperature
        router = self.members[0]
        assert isinstance(router, TopKRouter)
        return router.decide(x.flatten(0, 1), logits.flatten(0, 1), None)


@final
class _ByReplica(nn.Module):
    """The dropout of the large bank, whose rows come by replica.

    Attributes:
        sizes: how many rows each has in the call that comes; None for equally many.
    """

    def __init__(self, members: Sequence[Dropout]) -> None:
        super().__init__()
        self.members = tuple(members)
        self.p = max(member.p for member in members)
        self.sizes: list[int] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Rows of all experts, in their order."""
        return x * self.factors(x.shape, x) if self.training and self.p > 0 else x

    def factors(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """As `Dropout.factors`."""
        rows, *rest = shape
        sizes = self.sizes or [rows // len(self.members)] * len(self.members)
        parts = zip(self.members, sizes, strict=True)
        return torch.cat([member.factors((size, *rest), like) for member, size in parts])


@final
class LoopedPanel(Stacked):
    """R panels of any kind that decide, one after the other, such as `MoE` with unlike experts."""

    def __init__(self, members: Sequence[nn.Module], chances: Chances) -> None:
        super().__init__(members)
        self.each = Looped(members, chances)

    def forward(
        self, x: Float[Tensor, "R *batch D"], family: Tensor | None = None
    ) -> tuple[Float[Tensor, "R *batch O"], Routing | None]:
        """(R, B, D) -> (R, B, O), and the decisions for the R * B tokens of all replicas, if any
        were made."""
        families = [None] * len(x) if family is None else family.unbind(0)
        parts = enumerate(zip(x.unbind(0), families, strict=True))
        found = [self.each.one(r, part, family=own) for r, (part, own) in parts]
        routings = [routing for _, routing in found if routing is not None]
        return torch.stack([y for y, _ in found]), _concatenated(routings) if routings else None


def decides_by_token(layer: MoE) -> bool:
    """Whether scores and choices of all replicas can be computed at once."""
    router = layer.router
    if not isinstance(router, BY_TOKEN) or not isinstance(layer.capacity, Dropless):
        return False
    return isinstance(router.scores, LinearScores) and router.scores.jitter == 0


def of_replica(routing: Routing, replica: int, replicas: int) -> Routing:
    """The part of a decision that is about the tokens of one replica."""
    share = len(routing.experts) // replicas
    rows = slice(replica * share, (replica + 1) * share)
    cut = {
        field.name: value[rows]
        for field in fields(routing)
        if isinstance(value := getattr(routing, field.name), Tensor)
    }
    return replace(routing, **cut)


def _concatenated(routings: Sequence[Routing]) -> Routing:
    joined = {
        field.name: torch.cat([getattr(routing, field.name) for routing in routings])
        for field in fields(Routing)
        if isinstance(getattr(routings[0], field.name), Tensor)
    }
    return replace(routings[0], **joined)


def _dispatch(tokens: Tensor, routing: Routing, bank: StackedMLP) -> Tensor:
    """By what is fastest for these tokens, in place of what the members chose for theirs."""
    dispatch, _ = choose(tokens, bank, operator_if_built())
    run = box_dispatch if dispatch is loop_dispatch else dispatch
    return run(tokens, routing, bank)


def box_dispatch(
    x: Float[Tensor, "T D"], routing: Routing, experts: StackedMLP
) -> Float[Tensor, "T O"]:
    """Rows in a box (E, longest group, D), with dropout drawn for the rows that there are."""
    order = sort_routes(routing)
    rows = gather_rows(x, order)
    counts = order.groups.counts
    longest = max(*order.groups.sizes, 1)
    expert = torch.repeat_interleave(counts, output_size=len(rows))
    within = torch.arange(len(rows), device=rows.device) - (counts.cumsum(0) - counts)[expert]
    place = expert * longest + within

    def boxed(values: Tensor) -> Tensor:
        empty = values.new_zeros(len(counts) * longest, values.shape[1])
        return empty.index_copy(0, place, values).view(len(counts), longest, -1)

    factors = experts.dropout_factors(len(rows), rows)
    hidden = experts.activation(batched_linear(boxed(rows), experts.up, experts.up_bias))
    if factors is not None:
        hidden = hidden * boxed(factors)
    answers = batched_linear(hidden, experts.down, experts.down_bias).flatten(0, 1)
    return combine_rows(answers.index_select(0, place), routing.gates, order)


def _folded(routing: Routing, replicas: int) -> Routing:
    """The same with the experts' numbers in the bank of all replicas."""
    tokens = len(routing.experts)
    first = torch.arange(replicas, device=routing.experts.device) * routing.num_experts
    offset = first.repeat_interleave(tokens // replicas)[:, None]
    # Dispatches ask probabilities for nothing but the number of experts.
    nothing = routing.gates.new_zeros(1, 1).expand(tokens, replicas * routing.num_experts)
    experts = routing.experts + offset
    return replace(routing, experts=experts, probs=nothing, logits=nothing, chances=None)

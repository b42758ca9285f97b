"""Layers whose experts are spread over processes, and what comes out of them on each."""

import copy
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from triptych.moe import (
    Dispatch,
    ExpertBank,
    Limited,
    MoE,
    SoftmaxTopK,
    Specialists,
    StackedMLP,
    by_position,
    clip_grad_norm,
    expert_groups,
    grouped_dispatch,
    loop_dispatch,
    padded_dispatch,
    shard_experts,
    whole_optimizer_state,
    whole_state,
)

WIDTH, OUT, EXPERTS = 4, 8, 4


@dataclass(frozen=True)
class Case:
    """A layer and its tokens.

    Attributes:
        tokens: of each rank, for each micro-batch alike.
        crowded: whether the experts of the first half get all tokens.
        limited: whether experts drop tokens, and every third token is padding.
    """

    tokens: tuple[int, ...]
    expert_ranks: int | None = None
    bank: Callable[..., ExpertBank] = StackedMLP
    dispatch: Dispatch = loop_dispatch
    crowded: bool = False
    limited: bool = False
    micro_batches: int = 1
    dtype: torch.dtype = torch.double
    autocast: bool = False

    def layer(self) -> MoE:
        """The whole layer, the same in every process."""
        torch.manual_seed(0)
        router = SoftmaxTopK(WIDTH, EXPERTS, top_k=2)
        bank = self.bank(EXPERTS, WIDTH, OUT, d_hidden=8, dropout=0.0)
        capacity = Limited(0.7, 0.7, by_position, renormalise=False) if self.limited else None
        made = MoE(router, bank, self.dispatch, capacity).to(self.dtype)
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.copy_(torch.randn_like(parameter))
            if self.crowded:
                made.router.get_parameter("scores.linear.weight")[EXPERTS // 2 :] = -10.0
        return made

    def batch(self, rank: int, micro_batch: int) -> tuple[Tensor, Tensor | None]:
        """Tokens of a rank, and which of them are real."""
        generator = torch.Generator().manual_seed(100 * rank + micro_batch)
        x = torch.randn(self.tokens[rank], WIDTH, generator=generator, dtype=self.dtype).abs()
        return x.requires_grad_(), torch.arange(len(x)) % 3 > 0 if self.limited else None

    def step(self, moe: MoE, rank: int) -> dict[str, Tensor]:
        """Outputs and the gradients of the tokens; parameters gather theirs."""
        found: dict[str, Tensor] = {}
        for index in range(self.micro_batches):
            x, valid = self.batch(rank, index)
            with torch.autocast("cpu", torch.bfloat16) if self.autocast else nullcontext():
                y, _ = moe(x, valid)
            y.square().sum().backward()
            assert x.grad is not None
            found |= {f"y{index}": y.detach(), f"x{index}": x.grad}
        return found


TWO = {
    "different numbers of tokens": Case((5, 3)),
    "a rank without tokens": Case((4, 0)),
    "no tokens at all": Case((0, 0)),
    "a rank that receives nothing": Case((5, 3), crowded=True),
    "dropped routes and padding": Case((7, 9), limited=True),
    "experts of different build": Case((5, 3), bank=Specialists),
    "experts of different build without rows": Case((5, 3), bank=Specialists, crowded=True),
    "padded dispatch": Case((5, 3), dispatch=padded_dispatch),
    "padded dispatch without rows": Case((5, 0), dispatch=padded_dispatch, crowded=True),
    "grouped dispatch": Case((5, 3), dispatch=grouped_dispatch, dtype=torch.float32),
    "micro-batches": Case((5, 3), micro_batches=2),
    "autocast without rows": Case((5, 3), crowded=True, dtype=torch.float32, autocast=True),
    "each rank all experts": Case((5, 3), expert_ranks=1),
}
FOUR = {
    "two copies": Case((5, 3, 0, 4), expert_ranks=2),
    "two copies of experts of different build": Case((5, 3, 0, 4), 2, Specialists),
    "two copies and micro-batches": Case((5, 3, 0, 4), 2, micro_batches=2),
    "one copy": Case((5, 3, 0, 4)),
}
MAX_NORM = 0.5


def rank(index: int, world: int) -> dict[str, dict[str, Any]]:
    """What one of several processes sees, by case."""
    cases = TWO if world == 2 else FOUR
    return {name: sharded(case, index) for name, case in cases.items()}


def sharded(case: Case, index: int) -> dict[str, Any]:
    """What one of the ranks sees."""
    moe = case.layer()
    sharding = shard_experts(moe, expert_groups(case.expert_ranks))
    named = dict(moe.named_parameters())
    optimizer = torch.optim.Adam(moe.parameters())
    found: dict[str, Any] = {"tokens": case.step(moe, index)}
    for name, parameter in named.items():
        if name not in sharding.sharded:  # as DDP does
            assert parameter.grad is not None
            dist.all_reduce(parameter.grad)
            parameter.grad /= dist.get_world_size()
    grads = {k: p.grad for k, p in named.items()}
    found["grads"] = copy.deepcopy(whole_state(grads, sharding))
    found["norm"] = clip_grad_norm(named, MAX_NORM, sharding)
    found["clipped"] = whole_state(grads, sharding)
    optimizer.step()
    found["optimizer"] = whole_optimizer_state(optimizer, moe, sharding)
    found["weights"] = whole_state(moe.state_dict(), sharding)
    found["held"] = sum(p.numel() for p in moe.experts.parameters())
    found["total"] = sum(cost.params_total for cost in moe.experts.costs())
    return found


def alone(case: Case) -> dict[str, Any]:
    """The same in one process, which minds the ranks' batches one after the other."""
    moe = case.layer()
    optimizer = torch.optim.Adam(moe.parameters())
    named = dict(moe.named_parameters())
    world = len(case.tokens)
    found: dict[str, Any] = {"tokens": [case.step(moe, index) for index in range(world)]}
    for parameter in named.values():
        assert parameter.grad is not None
        parameter.grad /= world
    found["grads"] = {k: copy.deepcopy(p.grad) for k, p in named.items()}
    found["norm"] = torch.nn.utils.clip_grad_norm_(named.values(), MAX_NORM)
    found["clipped"] = {k: p.grad for k, p in named.items()}
    optimizer.step()
    found["optimizer"] = optimizer.state_dict()
    found["weights"] = moe.state_dict()
    return found

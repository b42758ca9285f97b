"""Mixtures of R replicas against the mixtures that they stand for."""

from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from triptych.moe import (
    GELU,
    DenseMLP,
    Limited,
    LinearScores,
    MoE,
    OracleRouter,
    Routing,
    Specialists,
    StackedMLP,
    SwiGLU,
    by_position,
    loop_dispatch,
)
from triptych.moe.capacity import at_random
from triptych.replicas import of_replica
from triptych.replicas.looped import Looped
from triptych.replicas.mixture import LoopedPanel, ScoredTogether, StackedMoE, box_dispatch

from ..routers import ROUTERS, fitting_top_k, recipe
from .twins import TOLERANCE, Twins

R, D, E = 3, 8, 4  # four patches of two, for the router that goes by patches
TOGETHER = ("topk", "topk_unnormalised", "topk_softmax")


def mixture(router: nn.Module, bank: Callable[..., Any] = StackedMLP, **parts: Any) -> MoE:
    """With scores that are spread out, so that routes are uneven."""
    made = MoE(router, bank(E, D, 6, d_hidden=7, dropout=0.3), loop_dispatch, **parts)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return made


def routed(name: str, **parts: Any) -> list[MoE]:
    torch.manual_seed(0)
    make = recipe(name, fitting_top_k(name))
    return [mixture(make(D, E), **parts) for _ in range(R)]


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", ROUTERS)
def test_mixtures_with_any_router_do_what_each_does(name: str, train: bool) -> None:
    twins = Twins(routed(name)).train(train)
    assert isinstance(twins.stacked, StackedMoE)
    kind = ScoredTogether if name in TOGETHER else Looped
    assert isinstance(twins.stacked.router, kind)
    twins.check(9, D)


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_routers_that_go_by_families_get_those_of_their_own_replica(train: bool) -> None:
    torch.manual_seed(0)
    Twins([mixture(OracleRouter(D, E, top_k=1)) for _ in range(R)]).train(train).check(9, D)


PARTS: dict[str, dict[str, Any]] = {
    "capacity that drops": {"capacity": Limited(0.7, 0.6, by_position, True)},
    "capacity by lot": {"capacity": Limited(0.7, 0.6, at_random, False)},
    "a shared expert": {"shared": True},
    "gated experts": {"bank": partial(StackedMLP, activation=SwiGLU)},
    "experts without biases": {"bank": partial(StackedMLP, activation=GELU, bias=False)},
    "specialists": {"bank": Specialists},
}


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("router", ["topk", "noisy_topk"])
@pytest.mark.parametrize("name", PARTS)
def test_mixtures_of_any_parts_do_what_each_does(name: str, router: str, train: bool) -> None:
    parts = dict(PARTS[name])
    if parts.pop("shared", False):
        torch.manual_seed(0)
        make = recipe(router, 2)
        shared = [DenseMLP(D, 6, d_hidden=7, dropout=0.3) for _ in range(R)]
        members = [mixture(make(D, E), shared=net) for net in shared]
    else:
        members = routed(router, **parts)
    twins = Twins(members).train(train)
    assert isinstance(twins.stacked, LoopedPanel if name == "specialists" else StackedMoE)
    twins.check(9, D)


def test_scores_with_noise_or_of_two_layers_are_not_computed_together() -> None:
    torch.manual_seed(0)
    make = recipe("topk", 2).func  # pyright: ignore[reportFunctionMemberAccess]
    jittered = partial(LinearScores, jitter=0.2)
    members = [mixture(make(D, E, top_k=2, scores=jittered)) for _ in range(R)]
    for members_of_one_kind in (members, routed("topk_mlp")):
        twins = Twins(members_of_one_kind)
        assert isinstance(twins.stacked, StackedMoE)
        assert isinstance(twins.stacked.router, Looped)
        twins.check(9, D)


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_scores_are_divided_by_the_temperature(train: bool) -> None:
    torch.manual_seed(0)
    make = recipe("topk", 2).func  # pyright: ignore[reportFunctionMemberAccess]
    cold = partial(LinearScores, temperature=0.4)
    members = [mixture(make(D, E, top_k=2, scores=cold)) for _ in range(R)]
    Twins(members).train(train).check(9, D)


def test_experts_of_other_dropout_each_have_their_own() -> None:
    members = routed("topk")
    for member, p in zip(members, (0.0, 0.2, 0.6), strict=True):
        member.experts.get_submodule("dropout").p = p  # pyright: ignore
    Twins(members).train(True).check(9, D)


def decision(replicas: int, tokens: int) -> Routing:
    """With numbers that tell tokens apart."""
    total = replicas * tokens
    count = torch.arange(total)
    probs = torch.rand(total, E).softmax(dim=1)
    return Routing(
        experts=torch.stack([count % E, (count + 1) % E], dim=1),
        gates=torch.rand(total, 2),
        probs=probs,
        logits=probs.log(),
        kept=torch.rand(total, 2) > 0.3,
        valid=torch.rand(total) > 0.3,
    )


def test_the_part_of_a_decision_that_is_about_one_replica_is_that_of_its_tokens() -> None:
    torch.manual_seed(0)
    whole = decision(replicas=3, tokens=4)
    parts = [of_replica(whole, r, 3) for r in range(3)]
    for field in fields(Routing):
        value = getattr(whole, field.name)
        own = [getattr(part, field.name) for part in parts]
        if isinstance(value, Tensor):
            assert all(len(part) == 4 for part in own), field.name
            assert torch.equal(torch.cat(own), value), field.name
        else:
            assert own == [value] * 3, field.name


@settings(max_examples=40)
@given(st.integers(0, 9), st.integers(1, 5), st.booleans(), st.booleans(), st.integers(0, 99))
def test_a_box_holds_what_a_loop_goes_through(
    tokens: int, experts: int, dropped: bool, bias: bool, seed: int
) -> None:
    """Outputs, gradients and dropout; also without tokens, and where an expert has none."""
    torch.manual_seed(seed)
    bank = StackedMLP(experts, D, 6, d_hidden=7, dropout=0.3, bias=bias).double()
    scores = torch.randn(tokens, experts, dtype=torch.double)
    top_k = min(2, experts)
    kept = torch.rand(tokens, top_k) > 0.4 if dropped else None
    found = []
    for dispatch in (loop_dispatch, box_dispatch):
        x = torch.linspace(-1, 1, tokens * D).sin().view(tokens, D).double().requires_grad_()
        gates, chosen = scores.softmax(dim=1).topk(top_k, dim=1)
        gates = (gates if kept is None else gates * kept).detach().requires_grad_()
        bank.zero_grad()
        bank.dropout.reseed(seed)
        y = dispatch(x, Routing(chosen, gates, scores, scores, kept=kept), bank)
        (y * y.detach().cos()).sum().backward()
        zeros = [torch.zeros_like(p) if p.grad is None else p.grad for p in bank.parameters()]
        found.append([y.detach(), x.grad, gates.grad, *zeros])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, **TOLERANCE)

"""Optimizers of replicas against one for each."""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.optim import (
    LBFGS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
    Rprop,
)
from torch.optim.lr_scheduler import CosineAnnealingLR

from triptych.errors import IncompatibleSettings
from triptych.replicas import Chances, held, link, stack
from triptych.training.lockstep.optimizers import (
    BY_NUMBER,
    Learners,
    Rate,
    ShareOfOptimizer,
    Together,
    clip_each,
)

TOLERANCE = {"rtol": 1e-10, "atol": 1e-10}
# With all that could depend on the rate in another way than as a factor.
RECIPES: dict[str, Callable[..., Optimizer]] = {
    "adam": partial(Adam, weight_decay=0.1, amsgrad=True),
    "adam fused": partial(Adam, weight_decay=0.1, fused=True),
    "adamw": partial(AdamW, weight_decay=0.1),
    "adamw fused": partial(AdamW, weight_decay=0.1, fused=True),
    "sgd": partial(SGD),
    "sgd momentum": partial(SGD, momentum=0.9, weight_decay=0.1),
    "sgd nesterov": partial(SGD, momentum=0.9, nesterov=True),
    "rmsprop": partial(RMSprop, momentum=0.9, centered=True, weight_decay=0.1),
    "nadam": partial(NAdam, weight_decay=0.1, decoupled_weight_decay=True),
    "radam": partial(RAdam, weight_decay=0.1, decoupled_weight_decay=True),
    "adagrad": partial(Adagrad, weight_decay=0.1, lr_decay=0.1),
    "adadelta": partial(Adadelta, weight_decay=0.1),
}
constant = partial(CosineAnnealingLR, T_max=10**9)


class Class:
    """R nets in a stack, what trains them, and a twin of each with an optimizer of its own."""

    def __init__(
        self,
        recipes: Sequence[Callable[..., Optimizer]],
        alike: Sequence[range],
        schedule: Callable[[Optimizer], Any] = constant,
    ) -> None:
        torch.manual_seed(0)
        made = [nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)).double() for _ in recipes]
        self.members, self.twins = made, deepcopy(made)
        self.stacked = stack(made, Chances())
        link(self.stacked)
        self.numbers = held(self.stacked)
        self.rates = [Rate(recipe, schedule) for recipe in recipes]
        self.learners = [
            Learners(self.numbers, r, recipes[r.start], self.rates[r.start : r.stop]) for r in alike
        ]
        self.together = Together(self.numbers, self.learners)
        self.own = [r(t.parameters()) for r, t in zip(recipes, self.twins, strict=True)]
        self.schedules = [schedule(own) for own in self.own]

    def draw(self, step: int) -> None:
        """A gradient for each member and its twin."""
        generator = torch.Generator().manual_seed(step)
        for item in self.numbers:
            gradient = torch.randn(item.stacked.shape, generator=generator, dtype=torch.double)
            item.stacked.grad = gradient
        for r, (member, twin) in enumerate(zip(self.members, self.twins, strict=True)):
            for name, parameter in twin.named_parameters():
                path, _, last = name.rpartition(".")
                owner = member.get_submodule(path)
                item = next(i for i in self.numbers if i.owners[r] is owner and i.name == last)
                assert item.stacked.grad is not None
                parameter.grad = item.stacked.grad.view(item.parts().shape)[r].clone()

    def step(self, steps: range = range(4)) -> None:
        for step in steps:
            self.draw(step)
            self.together.step()
            for own in self.own:
                own.step()

    def check(self) -> None:
        for r, (member, twin) in enumerate(zip(self.members, self.twins, strict=True)):
            for (name, found), expected in zip(
                member.named_parameters(), twin.parameters(), strict=True
            ):
                torch.testing.assert_close(
                    found, expected, **TOLERANCE, msg=lambda t, n=name, r=r: f"{r} {n}: {t}"
                )


def of(kind: Callable[..., Optimizer], *rates: float) -> list[Callable[..., Optimizer]]:
    return [partial(kind, lr=rate) for rate in rates]


rate = st.floats(-6, 0).map(lambda exponent: 10**exponent)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@settings(max_examples=6)
@given(rates=st.lists(rate, min_size=1, max_size=4), equal=st.booleans())
def test_one_optimizer_steps_each_replica_by_its_own_rate(recipe, rates, equal):
    rates = [rates[0]] * len(rates) if equal else rates
    learning = Class(of(recipe, *rates), [range(len(rates))])
    learning.step()
    learning.check()


def test_every_optimizer_that_is_let_through_is_tested():
    assert {recipe.func for recipe in RECIPES.values()} == set(BY_NUMBER)


@pytest.mark.parametrize("kind", [Adam, AdamW, SGD])
def test_a_rate_of_zero_moves_nothing(kind):
    for rates in ((0.0, 0.1), (0.0, 0.0)):
        learning = Class(of(kind, *rates), [range(2)])
        before = deepcopy(learning.members[0].state_dict())
        learning.step()
        learning.check()
        after = learning.members[0].state_dict()
        assert all(torch.equal(value, before[name]) for name, value in after.items())


def test_groups_go_by_their_own_settings():
    recipes = [
        *of(partial(AdamW, weight_decay=0.0), 0.1, 0.01),
        *of(partial(AdamW, weight_decay=0.5), 0.1),
        *of(partial(AdamW, weight_decay=0.1, betas=(0.5, 0.6)), 0.02, 0.02),
    ]
    learning = Class(recipes, [range(2), range(2, 3), range(3, 5)])
    learning.step()
    learning.check()


def test_each_rate_goes_by_its_own_schedule():
    falling = partial(CosineAnnealingLR, T_max=5)
    learning = Class(of(Adam, 0.1, 0.02), [range(2)], falling)
    for epoch in range(3):
        learning.step(range(3 * epoch, 3 * epoch + 3))
        for rate, schedule in zip(learning.rates, learning.schedules, strict=True):
            rate.schedule.step()
            schedule.step()
    learning.check()
    assert learning.rates[0].now == pytest.approx(5 * learning.rates[1].now)


def state_of(learning: Class, r: int) -> ShareOfOptimizer:
    group = next(g for g in learning.learners if r in g.replicas)
    return ShareOfOptimizer(learning.numbers, group, r)


def test_a_replica_sees_what_its_own_optimizer_would_remember():
    recipes = [*of(Adam, 0.1, 0.01), *of(partial(Adam, weight_decay=0.5), 0.1, 0.02)]
    learning = Class(recipes, [range(2), range(2, 4)])
    learning.step()
    for r, (member, twin, own) in enumerate(
        zip(learning.members, learning.twins, learning.own, strict=True)
    ):
        share = state_of(learning, r)
        assert share.param_groups[0]["lr"] == own.param_groups[0]["lr"]
        assert list(share.state) == list(member.parameters())
        assert len(share.state) == 4
        for found, expected in zip(member.parameters(), twin.parameters(), strict=True):
            state, wanted = share.state[found], own.state[expected]
            assert state.keys() == wanted.keys()
            for name, value in wanted.items():
                torch.testing.assert_close(state[name], value, **TOLERANCE)


def test_what_a_replica_writes_into_its_state_the_optimizer_goes_by():
    """As `rules.move` does where weights are new."""
    learning = Class(of(Adam, 0.1, 0.01), [range(2)])
    learning.step()
    mine, own = (nets[1].get_parameter("0.weight") for nets in (learning.members, learning.twins))
    state_of(learning, 1).state[mine]["exp_avg"].fill_(3.0)
    learning.own[1].state[own]["exp_avg"].fill_(3.0)
    learning.step(range(4, 7))
    learning.check()


@pytest.mark.parametrize("kind", [LBFGS, Rprop])
def test_optimizers_whose_step_is_no_multiple_of_the_rate_are_refused(kind):
    with pytest.raises(IncompatibleSettings) as refused:
        Class(of(kind, 0.1, 0.2), [range(2)])
    assert f"optimizer={kind.__name__} is not for replicas: take one of" in str(refused.value)
    assert "Adam, AdamW" in str(refused.value)
    assert "\n" not in str(refused.value)


@given(
    limits=st.lists(st.sampled_from([1e-3, 0.3, 1.0, 5.0, 1e3, math.inf]), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
@settings(max_examples=30)
def test_gradients_are_scaled_down_by_the_norm_of_each_replica(limits, seed):
    learning = Class(of(SGD, *[0.1] * len(limits)), [range(len(limits))])
    learning.draw(seed)
    learning.numbers[0].stacked.grad *= torch.linspace(0.1, 9, len(limits))[:, None, None]
    learning.numbers[1].stacked.grad = None
    for twin, limit, gradient in zip(
        learning.twins, limits, learning.numbers[0].stacked.grad, strict=True
    ):
        weight, bias = list(twin.parameters())[:2]
        weight.grad, bias.grad = gradient.clone(), None
        nn.utils.clip_grad_norm_(twin.parameters(), limit)
    clip_each(learning.numbers, torch.tensor(limits, dtype=torch.double))
    for item, name in zip(
        learning.numbers, ("0.weight", "0.bias", "1.weight", "1.bias"), strict=True
    ):
        for r, twin in enumerate(learning.twins):
            own: Tensor | None = twin.get_parameter(name).grad
            if own is None:
                assert item.stacked.grad is None
            else:
                torch.testing.assert_close(item.stacked.grad[r], own, **TOLERANCE)

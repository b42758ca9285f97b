"""Whole nets of R replicas, for everything that the configuration can ask for."""

from copy import deepcopy

import pytest
from torch import nn

from triptych.dense import MLP
from triptych.dropout import Dropout
from triptych.models import Classifier
from triptych.replicas import Chances, StackedMasked, held, stack
from triptych.replicas.layers import StackedDropout, StackedLinear, StackedNorm
from triptych.replicas.looped import Looped
from triptych.replicas.mixture import LoopedPanel, ScoredTogether, StackedMoE
from triptych.run.build import build_data, build_network

from ..built import D_IN, MODELS
from ..composed import CONF, composed
from ..training.sparse_cases import names
from .twins import Twins

R = 2
RECIPES = sorted(file.stem for file in (CONF / "model").glob("*.yaml"))
CHOICES: dict[str, tuple[str, ...]] = {
    **{name: (f"model={name}",) for name in RECIPES},
    **{f"{panel}-{b}": MODELS[panel, b] for panel, b in MODELS if b not in ("residual", "patches")},
    **{
        f"{group}-{name}": ("model=moe", f"model/{group}={name}")
        for group in ("capacity", "experts", "shared")
        for name in names(group)
    },
}
"""A new file in one of these groups is covered by being there; for routers see test_mixture.py."""


def nets(*settings: str) -> list[Classifier]:
    """Each with masks and numbers of its own."""
    config = composed(*settings)
    data = build_data(config)
    found: list[Classifier] = []
    for seed in range(R):
        own = deepcopy(config) | {"seed": seed}
        if "seed" in own["model"]["panel"]:
            own["model"]["panel"]["seed"] = seed
        found.append(build_network(own, data))
    return found


@pytest.mark.parametrize("settings", CHOICES.values(), ids=CHOICES)
def test_every_net_that_can_be_configured_does_in_a_stack_what_it_does_alone(settings):
    twins = Twins(nets(*settings))
    for mode in (True, False):
        twins.train(mode).check(6, D_IN, calls=1)


def kinds(stacked: nn.Module) -> set[type[nn.Module]]:
    known = (StackedLinear, StackedNorm, StackedDropout, StackedMasked, StackedMoE, LoopedPanel)
    return {type(m) for m in stacked.modules() if isinstance(m, (*known, Looped, ScoredTogether))}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (("model=ffn",), {StackedLinear, StackedNorm, StackedDropout}),
        (("model=sparse",), {StackedLinear, StackedNorm, StackedDropout, StackedMasked}),
        (("model=moe",), {StackedLinear, StackedNorm, StackedMoE, ScoredTogether}),
    ],
    ids=["ffn", "sparse", "moe"],
)
def test_nothing_of_the_three_panels_is_done_one_after_the_other(settings, expected):
    assert kinds(stack(nets(*settings), Chances())) == expected


def test_a_stack_has_numbers_of_its_own_until_it_is_linked():
    members = [MLP([nn.Linear(3, 4), nn.Linear(4, 2)], nn.ReLU, [0.2]) for _ in range(R)]
    stacked = stack(members, Chances())
    own = {p.data_ptr() for p in stacked.parameters()}
    assert own.isdisjoint(p.data_ptr() for member in members for p in member.parameters())
    assert {id(p) for p in stacked.parameters()} == {id(item.stacked) for item in held(stacked)}


def test_members_are_no_part_of_a_stack():
    """Else a trainer would move and save them, and an optimizer train them, twice."""
    members = nets("model=moe")
    stacked = stack(members, Chances())
    own = {id(module) for member in members for module in member.modules()}
    shapeless = (nn.ReLU, Dropout)
    inside = [m for m in stacked.modules() if id(m) in own and not isinstance(m, shapeless)]
    assert inside == []

"""Modules and their twins: the ones stacked, the others alone, on the same numbers and chances."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from triptych.dropout import dropouts
from triptych.models import Classifier, Unrouted
from triptych.moe import MoE, Routing
from triptych.replicas import Chances, held, link, of_replica, stack

TOLERANCE = {"rtol": 1e-12, "atol": 1e-12}
BY_FAMILY = (MoE, Classifier, Unrouted)
FAMILIES = 4


class Twins:
    """R modules in double precision, a stack of them, and a copy of each.

    Dropout of replica r has a stream of its own, and torch's generator a seed of its own.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        self.members = [member.double() for member in members]
        for r, member in enumerate(self.members):
            for place, dropout in enumerate(dropouts(member).values()):
                dropout.reseed(100 * place + r)
        self.alone = deepcopy(self.members)
        self.chances = Chances()
        self.chances.states = [generator_state(r) for r in range(len(members))]
        self.states = list(self.chances.states)
        self.stacked = stack(self.members, self.chances)
        link(self.stacked)
        self.by_family = isinstance(members[0], BY_FAMILY)

    def train(self, mode: bool) -> "Twins":
        for module in (self.stacked, *self.members, *self.alone):
            module.train(mode)
        return self

    def check(self, *shape: int, calls: int = 2) -> None:
        """Outputs, decisions, all gradients, buffers and torch's generators are equal, also in the
        calls after the first."""
        for call in range(calls):
            x = torch.randn(len(self.members), *shape, dtype=torch.double).requires_grad_()
            family = torch.randint(FAMILIES, x.shape[:2])
            for module in (self.stacked, *self.alone):
                module.zero_grad()
            answers, routings = self._answers_of_stack(x, family)
            loss_of(answers, routings, len(self.alone)).backward()
            gradients = self._gradients_of_stack()
            for r, twin in enumerate(self.alone):
                own = x.detach()[r].clone().requires_grad_()
                torch.set_rng_state(self.states[r])
                answer, decisions = told(
                    twin(own, family=family[r]) if self.by_family else twin(own)
                )
                self.states[r] = torch.get_rng_state()
                loss_of(answer, decisions, 1).backward()
                where = f"call {call}, replica {r}"
                assert_close(answers[r], answer, where)
                assert_close(x.grad[r], own.grad, where)
                for name, routing in decisions.items():
                    share = of_replica(routings[name], r, len(self.alone))
                    same_routing(share, routing, f"{where}, {name}")
                for name, parameter in twin.named_parameters():
                    expected = parameter.grad
                    if expected is None:
                        expected = torch.zeros_like(parameter)
                    assert_close(gradients[r][name], expected, f"{where}, {name}")
                for name, buffer in twin.named_buffers():
                    assert_close(self.members[r].get_buffer(name), buffer, f"{where}, {name}")
                assert torch.equal(self.chances.states[r], self.states[r]), where

    def _answers_of_stack(self, x: Tensor, family: Tensor) -> Any:
        return told(self.stacked(x, family=family) if self.by_family else self.stacked(x))

    def _gradients_of_stack(self) -> list[dict[str, Tensor]]:
        """By replica and name; every parameter of every member is in them, once."""
        found: dict[tuple[int, str], Tensor] = {}
        for item in held(self.stacked):
            if not isinstance(item.stacked, nn.Parameter):
                continue
            gradient = item.stacked.grad
            gradient = torch.zeros_like(item.stacked) if gradient is None else gradient
            for owner, part in zip(item.owners, gradient.view(item.parts().shape), strict=True):
                assert (id(owner), item.name) not in found, "held twice"
                found[id(owner), item.name] = part
        return [
            {
                f"{path}.{name}" if path else name: found[id(module), name]
                for path, module in member.named_modules()
                for name, _ in module.named_parameters(recurse=False)
            }
            for member in self.members
        ]


def generator_state(seed: int) -> Tensor:
    return torch.Generator().manual_seed(seed).get_state()


def told(answer: Any) -> tuple[Tensor, dict[str, Routing]]:
    """Output and decisions, whatever the module hands them out as."""
    if isinstance(answer, Tensor):
        return answer, {}
    y, routing = answer
    if routing is None:
        return y, {}
    return y, routing if isinstance(routing, dict) else {"layer": routing}


def loss_of(y: Tensor, decisions: dict[str, Routing], replicas: int) -> Tensor:
    """Something that every output and every decision has a part in, the same for each replica."""
    own = y.reshape(replicas, -1)
    total = (own * torch.arange(own.shape[1]).add(1.0).double().sin()).sum()
    for routing in decisions.values():
        total = total + routing.probs.square().sum() + routing.gates.pow(3).sum()
        total = total + routing.logits.sin().sum()
    return total


def same_routing(one: Routing, other: Routing, where: str) -> None:
    for field in fields(Routing):
        first, second = getattr(one, field.name), getattr(other, field.name)
        if isinstance(second, Tensor):
            assert_close(first, second, f"{where}, {field.name}")
        else:
            assert first == second, f"{where}, {field.name}"


def assert_close(found: Any, expected: Any, where: str) -> None:
    torch.testing.assert_close(
        found, expected, **TOLERANCE, equal_nan=True, msg=lambda text: f"{where}: {text}"
    )

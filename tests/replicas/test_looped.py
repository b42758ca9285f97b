"""Modules of any kind, one after the other."""

import pytest
import torch
from torch import Tensor, nn

from triptych.replicas import Chances
from triptych.replicas.looped import Looped
from triptych.sparse import CSRLinear, uniform_mask

from .twins import Twins, generator_state


class Noisy(nn.Module):
    """Adds torch's random numbers in training, and counts its calls in a buffer."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(5, 5), nn.BatchNorm1d(5))
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.inner(x) + (torch.rand_like(x) if self.training else 0.0)


def csr(r: int) -> CSRLinear:
    return CSRLinear(uniform_mask(4, 5, 0.5, torch.Generator().manual_seed(r)))


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_each_module_goes_by_its_own_numbers_buffers_and_chances(train: bool):
    torch.manual_seed(0)
    twins = Twins([Noisy() for _ in range(3)]).train(train)
    assert isinstance(twins.stacked, Looped)
    twins.check(7, 5)
    assert [float(member.calls) for member in twins.members] == [2.0] * 3


def test_a_kernel_that_is_not_stacked_is_looped():
    torch.manual_seed(0)
    twins = Twins([csr(r) for r in range(3)])
    assert isinstance(twins.stacked, Looped)
    twins.check(7, 5)


def test_a_replica_that_draws_leaves_the_chances_of_others_and_of_the_program_as_they_were():
    chances = Chances()
    chances.states = [generator_state(r) for r in range(2)]
    torch.manual_seed(9)
    first = torch.rand(3)
    torch.manual_seed(9)
    with chances.of(1):
        own = torch.rand(3)
    with chances.of(1):
        more = torch.rand(3)
    assert torch.equal(torch.rand(3), first)
    assert torch.equal(
        torch.cat([own, more]), torch.rand(6, generator=torch.Generator().manual_seed(1))
    )
    assert torch.equal(chances.states[0], generator_state(0))


def test_before_chances_are_known_the_generator_of_the_program_is_that_of_all():
    chances = Chances()
    torch.manual_seed(9)
    first = torch.rand(2)
    torch.manual_seed(9)
    with chances.of(0):
        one = torch.rand(1)
    with chances.of(1):
        two = torch.rand(1)
    assert torch.equal(torch.cat([one, two]), first)

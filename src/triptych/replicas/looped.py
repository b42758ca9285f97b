"""Any module for R replicas, one after the other: as slow as it is general."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.func import functional_call

from triptych.replicas.stacked import Stacked


@final
class Chances:
    """The states of torch's global generator in which R replicas go on: each draws what it would
    draw alone.

    Attributes:
        states: one for each replica; empty until they are known.
    """

    def __init__(self) -> None:
        self.states: list[Tensor] = []

    @contextmanager
    def of(self, replica: int) -> Iterator[None]:
        """Inside, the generator is that of the replica."""
        if not self.states:
            yield
            return
        before = torch.get_rng_state()
        torch.set_rng_state(self.states[replica])
        try:
            yield
        finally:
            self.states[replica] = torch.get_rng_state()
            torch.set_rng_state(before)


@final
class Looped(Stacked):
    """Calls each module with its own numbers, its own random numbers and its own part of x.

    Args:
        members: of any one kind.
        chances: of the replicas.
    """

    def __init__(self, members: Sequence[nn.Module], chances: Chances) -> None:
        super().__init__(members)
        self.chances = chances
        self.numbers = nn.ParameterList()
        self.names: list[str] = []
        for name, _ in members[0].named_parameters():
            path, _, last = name.rpartition(".")
            owners = [member.get_submodule(path) for member in members]
            self.numbers.append(self.together(owners, last))
            self.names.append(name)

    def forward(self, x: Tensor) -> Tensor:
        """(R, B, ...) -> (R, B, ...)."""
        return torch.stack([self.one(r, part) for r, part in enumerate(x.unbind(0))])

    def one(self, replica: int, *args: Any, **kwargs: Any) -> Any:
        """What the module of one replica answers; its gradient reaches the numbers of all."""
        member = self.members[replica]
        member.train(self.training)
        own = {n: p[replica] for n, p in zip(self.names, self.numbers, strict=True)}
        with self.chances.of(replica):
            return functional_call(member, own, args, kwargs)

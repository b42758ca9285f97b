"""What every module is that does the work of R equal ones."""

from abc import ABC
from collections.abc import Sequence
from typing import NamedTuple, final

import torch
from torch import Tensor, nn

from triptych.errors import IncompatibleSettings


@final
class Held(NamedTuple):
    """A tensor of all replicas, the parts of one after those of another, and whose parts they are.

    Attributes:
        stacked: a parameter or buffer of the module that does the work, (R * n, ...) or (R, ...).
        owners: the modules of the replicas that call their part by the same `name`.
        name: as in `weight`.
    """

    stacked: Tensor
    owners: Sequence[nn.Module]
    name: str

    def parts(self) -> Tensor:
        """As (R, ...), each part in the shape that its owner gives it."""
        own = getattr(self.owners[0], self.name)
        return self.stacked.detach().view(len(self.owners), *own.shape)

    def link(self) -> None:
        """Makes the owners' tensors views of the parts: what happens to one happens to both."""
        for owner, part in zip(self.owners, self.parts(), strict=True):
            own = getattr(owner, self.name)
            if isinstance(own, nn.Parameter):
                own.data = part
            else:
                setattr(owner, self.name, part)

    def hand_gradient(self) -> None:
        """Makes the gradients of the owners' parameters views of that of all, if there is one."""
        if self.stacked.grad is not None:
            parts = self.stacked.grad.view(self.parts().shape).unbind(0)
            for owner, part in zip(self.owners, parts, strict=True):
                getattr(owner, self.name).grad = part


class Stacked(nn.Module, ABC):
    """Maps (R, B, ...) as R modules map (B, ...) each: part r with the numbers of module r.

    Attributes:
        members: the modules whose work it does; they are not part of it.
        held: its tensors that are made of theirs.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = tuple(members)
        self.held: list[Held] = []

    @final
    def together(self, owners: Sequence[nn.Module], name: str) -> nn.Parameter:
        """A parameter (R, ...) of what the owners call `name`."""
        parts = [getattr(owner, name).detach() for owner in owners]
        stacked = nn.Parameter(torch.stack(parts))
        self.held.append(Held(stacked, owners, name))
        return stacked

    @final
    def joined(self, owners: Sequence[nn.Module], name: str) -> nn.Parameter:
        """A parameter (R * n, ...) of the parameters (n, ...) that the owners call `name`."""
        stacked = nn.Parameter(torch.cat([getattr(owner, name).detach() for owner in owners]))
        self.held.append(Held(stacked, owners, name))
        return stacked


def alike(members: Sequence[nn.Module]) -> None:
    """Refuses replicas that differ in kind or shape.

    Raises:
        IncompatibleSettings: naming what differs.
    """
    shapes = [_shapes(member) for member in members]
    for member, found in zip(members, shapes, strict=True):
        if type(member) is not type(members[0]) or found != shapes[0]:
            raise IncompatibleSettings(
                f"replicas must be nets of one shape, and {_told(members[0])} is not"
                f" {_told(member)}: train them as runs of their own"
            )


def _shapes(module: nn.Module) -> list[tuple[str, torch.Size]]:
    return [(name, tensor.shape) for name, tensor in module.named_parameters()]


def _told(module: nn.Module) -> str:
    sizes = ", ".join(f"{name} {tuple(shape)}" for name, shape in _shapes(module)[:2])
    return f"{type(module).__name__} ({sizes})" if sizes else type(module).__name__

"""From R equal nets one that does the work of all."""

from collections.abc import Sequence
from copy import deepcopy
from functools import singledispatch

from torch import nn

from triptych.dense import MLP
from triptych.dropout import Dropout
from triptych.models import Controlled, Notebook, Residual, Unrouted
from triptych.moe import MoE, StackedMLP
from triptych.replicas.layers import StackedDropout, StackedLinear, StackedMasked, StackedNorm
from triptych.replicas.looped import Chances, Looped
from triptych.replicas.mixture import LoopedPanel, StackedMoE
from triptych.replicas.stacked import Held, Stacked, alike
from triptych.sparse import MaskedLinear

SHAPELESS = (nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Identity)
"""Modules without numbers that do not ask for the shape of what they get."""


def stack(members: Sequence[nn.Module], chances: Chances) -> nn.Module:
    """A module that maps (R, B, ...) as the members map (B, ...), part by part.

    What it is made of does the work of all at once where that is known, and else one after the
    other. Its parameters are copies until `link` makes the members' ones views of them.

    Args:
        members: R of equal kind and shape, each with its own numbers.
        chances: torch's random numbers of each.

    Raises:
        IncompatibleSettings: if they differ in kind or shape.
    """
    alike(members)
    return _stack(members[0], members, chances)


def held(stacked: nn.Module) -> list[Held]:
    """All tensors of a stack that are made of those of its members."""
    layers = (module for module in stacked.modules() if isinstance(module, Stacked))
    return [item for layer in layers for item in layer.held]


def link(stacked: nn.Module) -> None:
    """Makes the numbers of the members views of those of the stack, wherever these are now."""
    for item in held(stacked):
        item.link()


@singledispatch
def _stack(first: nn.Module, members: Sequence[nn.Module], chances: Chances) -> nn.Module:
    return first if isinstance(first, SHAPELESS) else Looped(members, chances)


@_stack.register(nn.Sequential)
@_stack.register(nn.ModuleList)
@_stack.register(nn.ModuleDict)
@_stack.register(MLP)
@_stack.register(Unrouted)
@_stack.register(Residual)
@_stack.register(Notebook)
def _(first: nn.Module, members: Sequence[nn.Module], chances: Chances) -> nn.Module:
    """What has no numbers of its own, and does not ask for the shape of what it hands on."""
    twin = deepcopy(first)
    for name, _ in first.named_children():
        parts = [member.get_submodule(name) for member in members]
        setattr(twin, name, stack(parts, chances))
    return twin


@_stack.register
def _(first: nn.Linear, members: Sequence[nn.Linear], chances: Chances) -> nn.Module:
    return StackedLinear(members)


@_stack.register
def _(first: nn.LayerNorm, members: Sequence[nn.LayerNorm], chances: Chances) -> nn.Module:
    return StackedNorm(members)


@_stack.register
def _(first: Dropout, members: Sequence[Dropout], chances: Chances) -> nn.Module:
    return StackedDropout(members)


@_stack.register
def _(first: MaskedLinear, members: Sequence[MaskedLinear], chances: Chances) -> nn.Module:
    return StackedMasked(members)


@_stack.register
def _(first: MoE, members: Sequence[MoE], chances: Chances) -> nn.Module:
    if not isinstance(first.experts, StackedMLP):
        return LoopedPanel(members, chances)
    shared = [member.shared for member in members]
    nets = [net for net in shared if net is not None]
    return StackedMoE(members, chances, stack(nets, chances) if nets else None)


@_stack.register
def _(first: Controlled, members: Sequence[Controlled], chances: Chances) -> nn.Module:
    return LoopedPanel(members, chances)

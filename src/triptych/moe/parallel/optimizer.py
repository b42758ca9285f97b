"""The state of a sharded net's optimizer, to and from that of the whole net's."""

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

import torch
from torch import distributed as dist
from torch import nn

from triptych.moe.parallel.shard import Sharding
from triptych.moe.parallel.state import own_state, whole_state

Names = list[list[str]]
"""The parameters of each group of an optimizer."""


def whole_optimizer_state(
    optimizer: torch.optim.Optimizer, net: nn.Module, sharding: Sharding
) -> dict[str, Any]:
    """`optimizer.state_dict()` as one process would have it; all ranks must call it together.

    Complete on the first rank of a group only. What an optimizer keeps for a stacked parameter
    must be numbers, or tensors with one row per expert (of Adam and SGD it is).
    """
    own = _own_names(optimizer, net)
    state = optimizer.state_dict()
    return _renumbered(
        state, own, _whole_names(own, sharding), lambda parts: whole_state(parts, sharding)
    )


def own_optimizer_state(
    whole: Mapping[str, Any], optimizer: torch.optim.Optimizer, net: nn.Module, sharding: Sharding
) -> dict[str, Any]:
    """What this rank's optimizer loads; the inverse of `whole_optimizer_state`, also together."""
    own = _own_names(optimizer, net)
    return _renumbered(
        whole, _whole_names(own, sharding), own, lambda parts: own_state(parts, sharding)
    )


def _renumbered(
    state: Mapping[str, Any],
    before: Names,
    after: Names,
    convert: Callable[[dict[str, Any]], dict[str, Any]],
) -> dict[str, Any]:
    """A state with the parts of parameters converted, by name, and counted anew."""
    names = list(chain(*before))
    parts = convert({names[number]: part for number, part in state["state"].items()})
    numbers = {name: number for number, name in enumerate(chain(*after))}
    groups = zip(state["param_groups"], after, strict=True)
    return {
        "state": {number: parts[name] for name, number in numbers.items() if name in parts},
        "param_groups": [
            {**group, "params": [numbers[name] for name in members]} for group, members in groups
        ],
    }


def _own_names(optimizer: torch.optim.Optimizer, net: nn.Module) -> Names:
    names = {parameter: name for name, parameter in net.named_parameters()}
    return [[names[p] for p in group["params"]] for group in optimizer.param_groups]


def _whole_names(own: Names, sharding: Sharding) -> Names:
    """As if the net had given the optimizer all of its parameters, in its own order."""
    everyone: list[Any] = [None] * sharding.groups.experts.size()
    dist.all_gather_object(everyone, own, group=sharding.groups.experts)
    members = [set(chain(*parts)) for parts in zip(*everyone, strict=True)]
    return [[name for name in sharding.names if name in group] for group in members]

"""The state of a sharded net, to and from that of the whole net."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from triptych.moe.parallel.shard import Sharding


def whole_state(own: Mapping[str, Any], sharding: Sharding) -> dict[str, Any]:
    """The values of all parameters, by name; complete on the first rank of a group only.

    All ranks must call it together. Values are tensors, or nested dictionaries of them.
    """
    group = sharding.groups.experts
    mine = {name: _on_cpu(own[name]) for name in own if name in sharding.sharded}
    pieces: list[Any] = [None] * group.size()
    dist.gather_object(mine, pieces if group.rank() == 0 else None, group=group, group_dst=0)
    if group.rank() > 0:
        return dict(own)
    everything = {name: value for piece in pieces for name, value in piece.items()}
    for name in sharding.rows.keys() & own.keys():
        everything[name] = _joined([piece[name] for piece in pieces])
    return {**own, **everything}


def own_state(whole: Mapping[str, Any], sharding: Sharding) -> dict[str, Any]:
    """What a rank keeps of the whole; the inverse of `whole_state`."""
    return {
        name: _cut(value, sharding.rows[name]) if name in sharding.rows else value
        for name, value in whole.items()
        if name not in sharding.elsewhere
    }


def _on_cpu(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _on_cpu(part) for key, part in value.items()}
    return value.detach().cpu() if isinstance(value, Tensor) else value


def _joined(pieces: list[Any]) -> Any:
    first = pieces[0]
    if isinstance(first, Mapping):
        return {key: _joined([piece[key] for piece in pieces]) for key in first}
    # A number, such as the optimizer's count of steps, is the same everywhere.
    return torch.cat(pieces) if isinstance(first, Tensor) and first.ndim else first


def _cut(value: Any, rows: range) -> Any:
    if isinstance(value, Mapping):
        return {key: _cut(part, rows) for key, part in value.items()}
    if not isinstance(value, Tensor) or not value.ndim:
        return value
    return value[rows.start : rows.stop].clone()  # a view would keep the whole alive

"""What is known of an epoch that is not over, as checkpoints hold it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor, nn
from torch import distributed as dist

from triptych.dropout import dropouts

KEY = "partial_epoch"  # in checkpoints: one entry for each process
Named = dict[str, Tensor]


@final
@dataclass(frozen=True)
class PartialEpoch:
    """What one process has noted since the epoch's start; tensors on any device. The containers
    may be added to.

    Attributes:
        means: over samples of this process; over processes their mean counts.
        sums: that add up over processes.
        own: what nobody else can use.
    """

    means: Named = field(default_factory=dict)
    sums: Named = field(default_factory=dict)
    own: Named = field(default_factory=dict)


def gathered(part: PartialEpoch) -> list[dict[str, Named]]:
    """The parts of all processes, as plain containers on the CPU. A collective."""
    mine = {
        kind: {name: value.detach().cpu() for name, value in named.items()}
        for kind, named in vars(part).items()
    }
    if not (dist.is_available() and dist.is_initialized()):
        return [mine]
    parts: list[dict[str, Named]] = [{}] * dist.get_world_size()
    dist.all_gather_object(parts, mine)
    return parts


def part_of(saved: Sequence[Mapping[str, Named]], rank: int, world: int) -> PartialEpoch:
    """What a process goes on with: its own part, exactly; where there are more or fewer processes
    now, an equal share of everything but `own`.

    Args:
        saved: by `gathered`.
        rank: of the process.
        world: how many there are now.
    """
    if len(saved) == world:
        return PartialEpoch(**saved[rank])
    first = saved[0]
    means = {
        k: torch.stack([part["means"][k] for part in saved]).mean(dim=0) for k in first["means"]
    }
    totals = {k: torch.stack([part["sums"][k] for part in saved]).sum(dim=0) for k in first["sums"]}
    return PartialEpoch(means, {k: _share(total, rank, world) for k, total in totals.items()})


def _share(total: Tensor, rank: int, world: int) -> Tensor:
    if total.is_floating_point():
        return total / world
    return total // world + (total % world if rank == 0 else 0)


def random_state(device: torch.device) -> Named:
    """Of torch's global generators: that of the CPU, and that of the device."""
    state = {"random_cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["random_cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: Named, device: torch.device) -> None:
    """Lets the generators go on from there, those that are known there."""
    if "random_cpu" in state:
        torch.set_rng_state(state["random_cpu"])
    if device.type == "cuda" and "random_cuda" in state:
        torch.cuda.set_rng_state(state["random_cuda"], device)


def dropout_state(network: nn.Module) -> Named:
    """How far the stream of each dropout is."""
    return {
        f"dropout/{name}": torch.tensor(layer.stream.position)
        for name, layer in dropouts(network).items()
        if layer.stream is not None
    }


def set_dropout_state(state: Named, network: nn.Module) -> None:
    """Lets streams that start anew go on from there, those that are known there."""
    for name, layer in dropouts(network).items():
        if layer.stream is not None:
            layer.stream.skip(int(state.get(f"dropout/{name}", 0)))

"""Which ranks hold all experts together, and which hold the same ones."""

from dataclasses import dataclass
from typing import final

import torch
from torch import distributed as dist

from triptych.errors import InvalidSetting


@final
@dataclass(frozen=True)
class ExpertGroups:
    """The two groups that a rank belongs to.

    Attributes:
        experts: ranks that hold one copy of all experts together.
        replicas: ranks that hold the same experts as this one.
    """

    experts: dist.ProcessGroup
    replicas: dist.ProcessGroup

    def own(self, num_experts: int) -> range:
        """The experts that this rank holds."""
        each = num_experts // self.experts.size()
        first = self.experts.rank() * each
        return range(first, first + each)


def expert_groups(expert_ranks: int | None = None) -> ExpertGroups:
    """Cuts the world into groups of `expert_ranks` neighbours; all ranks must call it together.

    Args:
        expert_ranks: ranks that share one copy of the experts; None for all.
    """
    world = dist.get_world_size()
    size = expert_ranks or world
    check_expert_ranks(size, world)
    ranks = torch.arange(world).view(-1, size)
    experts, _ = dist.new_subgroups_by_enumeration(ranks.tolist())
    replicas, _ = dist.new_subgroups_by_enumeration(ranks.T.tolist())
    assert isinstance(experts, dist.ProcessGroup)  # as every rank is in a group
    assert isinstance(replicas, dist.ProcessGroup)
    return ExpertGroups(experts, replicas)


def check_expert_ranks(size: int, world: int) -> None:
    """Refuses groups that do not fill the world.

    Raises:
        InvalidSetting: if `world` cannot be divided by `size`.
    """
    if size < 1 or world % size:
        raise InvalidSetting(
            f"expert_ranks={size}: {world} devices cannot be divided into groups of that size"
        )

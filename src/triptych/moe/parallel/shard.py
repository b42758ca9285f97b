"""Spreads the experts of a net over ranks."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import final

from torch import Tensor, nn
from torch import distributed as dist

from triptych.errors import IncompatibleSettings
from triptych.moe.dispatch.expert_parallel import ExpertParallel
from triptych.moe.experts.shardable import Shardable
from triptych.moe.layer import MoE
from triptych.moe.parallel.groups import ExpertGroups


@final
@dataclass(frozen=True)
class Sharding:
    """Where the parameters of a net are.

    Attributes:
        groups: of this rank.
        names: of all parameters of the whole net, in its order.
        rows: the rows held here of each stacked parameter.
        alone: parameters that belong to a single expert, which is held here.
        elsewhere: parameters that belong to a single expert, which is not.
    """

    groups: ExpertGroups
    names: tuple[str, ...]
    rows: Mapping[str, range]
    alone: frozenset[str]
    elsewhere: frozenset[str]

    @property
    def sharded(self) -> frozenset[str]:
        """The parameters held here that other ranks of `groups.experts` hold otherwise."""
        return self.alone.union(self.rows)


def shard_experts(net: nn.Module, groups: ExpertGroups) -> Sharding:
    """Each rank keeps its part of the experts of every `MoE` in `net`, and rows travel to it.

    Build the net in full first, from the same seed on all ranks: what is kept is then what one
    process would have. The gradients of experts become means over the ranks of the world, as
    `DistributedDataParallel` makes those of the other parameters; it must leave experts alone.

    Raises:
        IncompatibleSettings: if a layer cannot be sharded.
    """
    ranks = groups.experts.size()
    check_shardable(net, ranks)
    names = tuple(name for name, _ in net.named_parameters())
    rows: dict[str, range] = {}
    alone: set[str] = set()
    for prefix, layer in _layers(net) if ranks > 1 else ():
        bank, own = layer.experts, groups.own(len(layer.experts.costs()))
        assert isinstance(bank, Shardable)
        before = {name: p.shape for name, p in bank.named_parameters()}
        bank.keep(own)
        layer.dispatch = ExpertParallel(layer.dispatch, groups.experts)
        for name, parameter in bank.named_parameters():
            full = f"{prefix}experts.{name}"
            if parameter.shape == before[name]:
                alone.add(full)
            else:
                rows[full] = own
            if parameter.requires_grad:
                parameter.register_hook(_mean_over_ranks(groups.replicas))
    left = frozenset(names).difference(name for name, _ in net.named_parameters())
    return Sharding(groups, names, rows, frozenset(alone), left)


def check_shardable(net: nn.Module, ranks: int) -> None:
    """Refuses a net whose experts cannot be spread over `ranks` ranks.

    Raises:
        IncompatibleSettings: naming the remedy.
    """
    layers = [layer for _, layer in _layers(net)]
    if not layers:
        raise IncompatibleSettings("the model has no experts to spread over ranks: take model=moe")
    for layer in layers:
        experts, bank = len(layer.experts.costs()), type(layer.experts).__name__
        if experts % ranks:
            raise IncompatibleSettings(
                f"num_experts={experts} cannot be divided over {ranks} ranks: take a multiple of"
                f" {ranks}, or groups of fewer ranks (trainer.strategy.expert_ranks)"
            )
        if not isinstance(layer.experts, Shardable):
            raise IncompatibleSettings(
                f"{bank} cannot be spread over ranks: take model/experts=stacked"
            )


def _layers(net: nn.Module) -> Iterator[tuple[str, MoE]]:
    for name, module in net.named_modules():
        if isinstance(module, MoE):
            yield f"{name}." if name else "", module


def _mean_over_ranks(replicas: dist.ProcessGroup) -> Callable[[Tensor], Tensor]:
    """An expert's gradient is already the sum over its own group's ranks.

    A hook sees what one backward pass adds, so that accumulated gradients come out right too.
    """
    world = dist.get_world_size()

    def mean(grad: Tensor) -> Tensor:
        grad = grad / world
        if replicas.size() > 1:
            dist.all_reduce(grad, group=replicas)
        return grad

    return mean

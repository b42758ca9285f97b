"""The cost of a whole net, from what each of its layers declares."""

from collections.abc import Mapping, Sequence

from torch import nn

from triptych.moe import FrozenScores, MoE
from triptych.sparse import ControllerFFN, MonarchLinear, MultiplicativeDense, SparseLinear
from triptych.types import Cost

DECLARING = (SparseLinear, ControllerFFN, MonarchLinear, MultiplicativeDense, FrozenScores)


def declared_cost(
    net: nn.Module, shares: Mapping[str, Sequence[float]] | None = None, name: str = ""
) -> Cost:
    """Parameters and FLOPs of one sample, summed over all layers of `net`.

    Args:
        net: any module. Parameters outside linear, sparse and MoE layers count as active, without
            FLOPs (norms).
        shares: for MoE layers, by module name, the measured share of tokens per expert (sums to
            K); a layer that is not named here is taken as perfectly balanced.
        name: of `net` itself, as in `named_modules`.
    """
    shares = shares or {}
    if isinstance(net, MoE):
        always = declared_cost(net.router, shares, f"{name}.router")
        if net.shared is not None:
            always += declared_cost(net.shared, shares, f"{name}.shared")
        return net.cost(always, shares.get(name) or net.uniform_share())
    if isinstance(net, DECLARING):
        return net.cost()
    own = sum(p.numel() for p in net.parameters(recurse=False))
    flops = 2 * net.weight.numel() if isinstance(net, nn.Linear) else 0
    prefix = f"{name}." if name else ""
    parts = (declared_cost(child, shares, prefix + key) for key, child in net.named_children())
    return sum(parts, Cost(own, own, flops, flops))

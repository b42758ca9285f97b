"""The cost of a whole net, from what each of its layers declares."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import nn

from triptych.moe import FrozenProjection, MoE, SingleExpert
from triptych.sparse import ControllerFFN, MonarchLinear, MultiplicativeDense, SparseLinear
from triptych.types import Cost

DECLARING = (
    SparseLinear,
    ControllerFFN,
    MonarchLinear,
    MultiplicativeDense,
    FrozenProjection,
    SingleExpert,
)


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
    return _declared(net, shares or {}, name, set())


def _declared(
    net: nn.Module, shares: Mapping[str, Sequence[float]], name: str, counted: set[nn.Module]
) -> Cost:
    if net in counted:  # at a second place it works again, but it is there only once
        again = _declared(net, shares, name, set())
        return replace(again, params_total=0, params_active=0)
    counted.add(net)
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
    places = net.named_modules(remove_duplicate=False)
    children = ((key, child) for key, child in places if key and "." not in key)
    parts = (_declared(child, shares, prefix + key, counted) for key, child in children)
    return sum(parts, Cost(own, own, flops, flops))

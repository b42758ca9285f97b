"""Which units of a sparse net are cut off, counted from its masks."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from triptych.dense import MLP
from triptych.sparse import SparseLinear

Counts = dict[str, int | None]


def connections(layer: SparseLinear, following: nn.Module | None) -> Counts:
    """How the weights of a layer are spread over its inputs and outputs.

    Args:
        layer: any sparse layer.
        following: the linear layer that its outputs go to through nothing but an activation.

    Returns:
        `least_fan_in` and `most_fan_in` over outputs, `dead_outputs` (without any incoming
        weight), `dead_inputs` (without any outgoing one), and `dead_units`: hidden units between
        this layer and the following one that lack either, and so say nothing about the input;
        None where no layer is known to follow.
    """
    mask = layer.mask
    fan_in, fan_out = mask.sum(dim=1), mask.sum(dim=0)
    silent = fan_in == 0
    return {
        "least_fan_in": int(fan_in.min()),
        "most_fan_in": int(fan_in.max()),
        "dead_outputs": int(silent.sum()),
        "dead_inputs": int((fan_out == 0).sum()),
        "dead_units": None if following is None else int((silent | _unheard(following)).sum()),
    }


def followers(net: nn.Module) -> dict[nn.Module, nn.Module]:
    """For linear layers in the chains of a net the linear layer that comes next."""
    found: dict[nn.Module, nn.Module] = {}
    for module in net.modules():
        if isinstance(module, MLP):
            linear = [part for part in module.chain if isinstance(part, SparseLinear | nn.Linear)]
            found |= dict(pairwise(linear))
    return found


def _unheard(layer: nn.Module) -> Tensor:
    """Inputs (D) that no weight of the layer looks at; of a dense layer none."""
    if isinstance(layer, SparseLinear):
        return layer.mask.sum(dim=0) == 0
    return torch.zeros((), dtype=torch.bool)

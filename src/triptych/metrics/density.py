"""How sparse a net is, layer by layer."""

import math
from collections import Counter

from torch import nn

from triptych.sparse import SparseLinear


def layer_densities(net: nn.Module) -> list[dict[str, str | int | float]]:
    """Exact counts of each sparse layer: name, density, non-zeros and places of its matrix.

    Counted from the masks that the layers multiply with, not from the sparsity asked for.
    A layer is named by the block that it is in and its number among the block's sparse layers,
    as in `block_0.1`.
    """
    rows: list[dict[str, str | int | float]] = []
    inside: Counter[str] = Counter()
    for name, layer in net.named_modules():
        if isinstance(layer, SparseLinear):
            block = name.removeprefix("blocks.").split(".")[0]
            inside[block] += 1
            nonzeros, size = layer.nonzeros, math.prod(layer.shape)
            rows.append(
                {
                    "layer": f"{block}.{inside[block]}",
                    "density": nonzeros / size,
                    "nonzeros": nonzeros,
                    "size": size,
                }
            )
    return rows


def density_of_all_parameters(net: nn.Module) -> float:
    """Existing weights and all other parameters (biases, norms, dense layers), over what the net
    would have if its sparse layers were dense."""
    layers = [layer for layer in net.modules() if isinstance(layer, SparseLinear)]
    stored = sum(layer.weights.numel() for layer in layers)
    rest = sum(parameter.numel() for parameter in net.parameters()) - stored
    places = sum(math.prod(layer.shape) for layer in layers)
    return (sum(layer.nonzeros for layer in layers) + rest) / (places + rest)

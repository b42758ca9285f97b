"""How sparse a net is, layer by layer."""

import math
from collections import Counter

from torch import nn

from triptych.sparse import SparseLinear, sparse_layers


def labelled_layers(net: nn.Module) -> dict[str, SparseLinear]:
    """The sparse layers, each named by the block that it is in and its number among the block's
    sparse layers, as in `block_0.1`."""
    labelled: dict[str, SparseLinear] = {}
    inside: Counter[str] = Counter()
    for name, layer in sparse_layers(net).items():
        block = name.removeprefix("blocks.").split(".")[0]
        inside[block] += 1
        labelled[f"{block}.{inside[block]}"] = layer
    return labelled


def layer_densities(net: nn.Module) -> list[dict[str, str | int | float]]:
    """Exact counts of each sparse layer: name, density, non-zeros and places of its matrix.

    Counted from the masks that the layers multiply with, not from the sparsity asked for.
    """
    return [
        {
            "layer": label,
            "density": layer.density,
            "nonzeros": layer.nonzeros,
            "size": math.prod(layer.shape),
        }
        for label, layer in labelled_layers(net).items()
    ]


def density_of_all_parameters(net: nn.Module) -> float:
    """Existing weights and all other parameters (biases, norms, dense layers), over what the net
    would have if its sparse layers were dense."""
    layers = sparse_layers(net).values()
    stored = sum(layer.weights.numel() for layer in layers)
    rest = sum(parameter.numel() for parameter in net.parameters()) - stored
    places = sum(math.prod(layer.shape) for layer in layers)
    return (sum(layer.nonzeros for layer in layers) + rest) / (places + rest)

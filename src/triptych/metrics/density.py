"""How sparse a net is, layer by layer."""

from torch import nn

from triptych.sparse import SparseLinear


def layer_densities(net: nn.Module) -> list[dict[str, str | int | float]]:
    """Exact counts of each sparse layer: name, density, non-zeros and places of its matrix.

    Counted from the masks that the layers multiply with, not from the sparsity asked for.
    """
    rows: list[dict[str, str | int | float]] = []
    for name, layer in net.named_modules():
        if isinstance(layer, SparseLinear):
            size = layer.mask.numel()
            rows.append(
                {
                    "layer": name.removeprefix("blocks."),
                    "density": layer.nonzeros / size,
                    "nonzeros": layer.nonzeros,
                    "size": size,
                }
            )
    return rows

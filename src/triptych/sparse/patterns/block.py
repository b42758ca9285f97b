"""Masks of whole blocks."""

from jaxtyping import Bool
from torch import Tensor

from triptych.errors import IncompatibleSettings
from triptych.sparse.patterns.uniform import Generators, Shapes, live_weights, scattered


def block_masks(
    shapes: Shapes, sparsity: float, generators: Generators, *, block: int
) -> list[Bool[Tensor, "_ _"]]:
    """Square blocks that exist or not, each place equally likely; at least one per layer
    (Gray et al. 2017, block-sparse weights; Narang et al. 2017, arXiv 1711.02782).

    Raises:
        IncompatibleSettings: if a layer has no whole blocks.
    """
    for d_out, d_in in shapes:
        if d_out % block or d_in % block:
            raise IncompatibleSettings(
                f"a layer of {d_out} x {d_in} has no whole blocks of {block}:"
                " lower model.block, or take widths that it divides"
            )
    grids = [(d_out // block, d_in // block) for d_out, d_in in shapes]
    return [
        scattered(rows, columns, max(1, live_weights(rows * columns, sparsity)), generator)
        .repeat_interleave(block, dim=0)
        .repeat_interleave(block, dim=1)
        for (rows, columns), generator in zip(grids, generators, strict=True)
    ]

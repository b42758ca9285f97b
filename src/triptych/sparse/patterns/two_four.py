"""2:4 in both directions: masks that the sparse products of GPUs take, forward and backward."""

from itertools import combinations, product

import torch
from jaxtyping import Bool
from torch import Tensor

from triptych.errors import IncompatibleSettings
from triptych.sparse.patterns.uniform import Generators, Shapes

TILE = 4
HALF = TILE // 2


def two_four_masks(
    shapes: Shapes, sparsity: float, generators: Generators
) -> list[Bool[Tensor, "_ _"]]:
    """Transposable 2:4 (Hubara et al. 2021, arXiv 2102.08124): each tile of 4 x 4 weights has
    exactly two in each row and two in each column; the 90 such tiles are equally likely.

    Raises:
        IncompatibleSettings: if the sparsity is not 0.5, or 4 does not divide a layer's width.
    """
    if sparsity != 0.5:
        raise IncompatibleSettings(
            f"model/mask=two_four leaves out half of the weights: take model.sparsity=0.5,"
            f" got {sparsity}, or model/mask=n_of_m"
        )
    for d_out, d_in in shapes:
        if d_out % TILE or d_in % TILE:
            raise IncompatibleSettings(
                f"model/mask=two_four: a layer of {d_out} x {d_in} has no whole tiles of"
                f" {TILE} x {TILE}: take widths that {TILE} divides"
            )
    kinds = transposable_tiles()
    return [
        kinds[torch.randint(len(kinds), (d_out // TILE, d_in // TILE), generator=generator)]
        .transpose(1, 2)
        .reshape(d_out, d_in)
        for (d_out, d_in), generator in zip(shapes, generators, strict=True)
    ]


def transposable_tiles() -> Bool[Tensor, "N 4 4"]:
    """All tiles with two weights in each row and two in each column.

    >>> transposable_tiles().shape
    torch.Size([90, 4, 4])
    """
    rows = [[i in pair for i in range(TILE)] for pair in combinations(range(TILE), HALF)]
    tiles = torch.tensor(list(product(rows, repeat=TILE)))
    return tiles[(tiles.sum(dim=1) == HALF).all(dim=1)]


def is_transposable(mask: Bool[Tensor, "O D"]) -> bool:
    """Whether no row and no column of a tile of 4 x 4 has more than two weights."""
    d_out, d_in = mask.shape
    if d_out % TILE or d_in % TILE:
        return False
    tiles = mask.view(d_out // TILE, TILE, d_in // TILE, TILE)
    return bool((tiles.sum(dim=1) <= HALF).all() and (tiles.sum(dim=3) <= HALF).all())

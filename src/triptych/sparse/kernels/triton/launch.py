"""Starting the kernels of `BlockLinear`: which grid, which tile, into which new tensors.

Every function here imports the kernels when it is called, as triton need not be installed.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

TILE = 128  # tokens of one tile; fewer where there are fewer
DEPTH = 64  # tokens added at a time to the gradient of a block
NARROWEST = 16  # of a product in Triton


def product(
    x: Float[Tensor, "T D"],
    values: Float[Tensor, "N B B"],
    bias: Float[Tensor, " O"],
    starts: Int[Tensor, " rows"],
    columns: Int[Tensor, " N"],
) -> Float[Tensor, "T O"]:
    """`x W^T + bias`, of whole blocks."""
    out = x.new_empty(len(x), len(bias))
    return _product(x, values, bias, starts, columns, columns, out, transposed=False)


def transposed_product(
    grad: Float[Tensor, "T O"],
    values: Float[Tensor, "N B B"],
    starts: Int[Tensor, " rows"],
    order: Int[Tensor, " N"],
    rows: Int[Tensor, " N"],
    d_in: int,
) -> Float[Tensor, "T D"]:
    """`grad W`; `order`: the blocks column by column, `rows`: of each in that order."""
    out = grad.new_empty(len(grad), d_in)
    return _product(grad, values, grad, starts, order, rows, out, transposed=True)


def _product(
    x: Tensor,
    values: Tensor,
    bias: Tensor,
    starts: Tensor,
    order: Tensor,
    columns: Tensor,
    out: Tensor,
    *,
    transposed: bool,
) -> Tensor:
    from triptych.sparse.kernels.triton.kernels import product_kernel

    block, tile = values.shape[1], _tile(len(x), TILE)
    grid = (out.shape[1] // block, -(-len(x) // tile))
    product_kernel[grid](  # pyright: ignore[reportIndexIssue]
        x,
        values,
        bias,
        starts,
        order,
        columns,
        out,
        len(x),
        x.shape[1],
        out.shape[1],
        block,
        tile,
        transposed,
        _precision(x),
        **_resources(block),
    )
    return out


def values_gradient(
    x: Float[Tensor, "T D"],
    grad: Float[Tensor, "T O"],
    values: Float[Tensor, "N B B"],
    rows: Int[Tensor, " N"],
    columns: Int[Tensor, " N"],
) -> Float[Tensor, "N B B"]:
    """Of each block, from the tokens' inputs and the gradient of their outputs."""
    from triptych.sparse.kernels.triton.kernels import values_kernel

    out, block = torch.empty_like(values), values.shape[1]
    if not len(values):
        return out
    values_kernel[(len(values),)](  # pyright: ignore[reportIndexIssue]
        x,
        grad,
        rows,
        columns,
        out,
        len(x),
        x.shape[1],
        grad.shape[1],
        block,
        _tile(len(x), DEPTH),
        _precision(x),
        **_resources(block),
    )
    return out


def _tile(tokens: int, most: int) -> int:
    return max(NARROWEST, min(most, 1 << max(tokens - 1, 0).bit_length()))


def _precision(x: Tensor) -> str:
    """That of torch's own products in single precision."""
    return "tf32" if x.is_cuda and torch.backends.cuda.matmul.allow_tf32 else "ieee"


def _resources(block: int) -> dict[str, Any]:
    return {"num_warps": 8 if block >= 128 else 4, "num_stages": 3}

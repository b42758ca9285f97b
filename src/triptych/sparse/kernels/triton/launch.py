"""Starting the kernels of `BlockLinear`: which grid, which tile, into which new tensors.

Every function here imports the kernels when it is called, as triton need not be installed.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

TILE = 256  # tokens of one tile; fewer where there are fewer, or where they do not fit
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

    block = values.shape[1]
    how = product_resources(len(x), out.shape[1], block, _chip(x))
    grid = (out.shape[1] // block, -(-len(x) // how.tile))
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
        how.tile,
        transposed,
        _precision(x),
        **how.flags(),
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
    how = values_resources(len(x), block, _chip(x))
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
        how.tile,
        _precision(x),
        **how.flags(),
    )
    return out


@final
@dataclass(frozen=True)
class Chip:
    """What limits a program.

    Attributes:
        processors: that run programs at once.
        bytes: of the memory that one program shares.
        itemsize: bytes of a number.
    """

    processors: int
    bytes: int
    itemsize: int


@final
@dataclass(frozen=True)
class Resources:
    """How a kernel is started: tokens of a tile, warps, and loads in flight."""

    tile: int
    warps: int
    stages: int

    def flags(self) -> dict[str, Any]:
        """As Triton calls them."""
        return {"num_warps": self.warps, "num_stages": self.stages}


def product_resources(tokens: int, d_out: int, block: int, chip: Chip) -> Resources:
    """The largest tile that fits, and leaves no processor idle; 8 warps for large ones. Measured
    on an H200: `LOG.md`.

    >>> product_resources(16384, 4096, 128, Chip(132, 227 * 1024, 2))
    Resources(tile=256, warps=8, stages=2)
    >>> product_resources(300, 4096, 64, Chip(108, 99 * 1024, 4))
    Resources(tile=128, warps=4, stages=2)
    """
    stages = 2 if block >= 128 or chip.itemsize > 2 else 3
    tile = _tile(tokens, TILE)
    while tile > NARROWEST and (
        stages * (tile + block) * block * chip.itemsize > chip.bytes
        or (tile > 64 and d_out // block * -(-tokens // tile) < chip.processors)
    ):
        tile //= 2
    return Resources(tile, 8 if tile * block > 128 * 64 else 4, stages)


def values_resources(tokens: int, block: int, chip: Chip) -> Resources:
    """As many tokens at a time as fit.

    >>> values_resources(16384, 128, Chip(132, 227 * 1024, 2))
    Resources(tile=64, warps=4, stages=3)
    """
    tile, stages = _tile(tokens, DEPTH), 3
    while tile > NARROWEST and stages * 2 * tile * block * chip.itemsize > chip.bytes:
        tile //= 2
    return Resources(tile, 4, stages)


def _chip(x: Tensor) -> Chip:
    if not x.is_cuda:  # interpreted
        return Chip(1, 64 * 1024, x.element_size())
    return _chip_of(x.device, x.element_size())


@cache  # asked three times a step
def _chip_of(device: torch.device, itemsize: int) -> Chip:
    found = torch.cuda.get_device_properties(device)
    return Chip(found.multi_processor_count, found.shared_memory_per_block_optin, itemsize)


def _tile(tokens: int, most: int) -> int:
    return max(NARROWEST, min(most, 1 << max(tokens - 1, 0).bit_length()))


def _precision(x: Tensor) -> str:
    """That of torch's own products in single precision."""
    return "tf32" if x.is_cuda and torch.backends.cuda.matmul.allow_tf32 else "ieee"

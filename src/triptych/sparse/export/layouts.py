"""How an export holds the weights of a sparse layer; written so that another program can read it.

An export is one safetensors file. Its metadata has a key `triptych` with JSON:
`{"schema": 1, "format": F, "layers": {NAME: {"shape": [O, D], "nonzeros": Z}, ...}}`, with all
sparse layers of the net; a layer means `y = x W^T + b` with a weight W of O rows (outputs) and D
columns (inputs). Every tensor that is not of such a layer stands under its name in the state_dict
of the net. Tensors of layer NAME, besides `NAME.bias` (O), in row-major order:

dense, narrow
    `weight` (O, D), with zeros. A narrow net has fewer hidden units: `shape` is what is in the
    file, and `"before": [O, D]` what it was.
csr
    `values` (Z), row by row and by column inside a row; `columns` int32 (Z), the column of each;
    `starts` int32 (O + 1): row r has the values from `starts[r]` up to, not with, `starts[r + 1]`.
block
    The same with blocks (b, b) for numbers, O / b rows and D / b columns of them: `blocks`
    (N, b, b), each by output and input; `columns` int32 (N); `starts` int32 (O / b + 1).
bitmask
    `values` (Z) as in csr; `bits` uint8 (ceil(O * D / 8)): place p = row * D + column has a value
    if bit p % 8 (of worth 2^(p % 8)) of byte p // 8 is set. Bits after the last place are 0.

A weight that exists and is zero is stored like any other, except in dense and narrow.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

from jaxtyping import Bool, Float
from torch import Tensor

from triptych.errors import IncompatibleSettings
from triptych.sparse.bits import packed, unpacked
from triptych.sparse.kernels.block import is_of_blocks, scattered_blocks, tiles
from triptych.sparse.kernels.rows import Rows, rows_of, scattered_rows
from triptych.sparse.kernels.stored import Parts


@final
@dataclass(frozen=True)
class Layout:
    """One way to hold a matrix (O, D) that has a mask.

    Attributes:
        encode: (mask, matrix with zeros outside of it) -> named tensors.
        decode: (those tensors, (O, D)) -> the matrix.
    """

    encode: Callable[[Tensor, Tensor], dict[str, Tensor]]
    decode: Callable[[Parts, tuple[int, int]], Tensor]


def layouts(block: int | None = None) -> Mapping[str, Layout]:
    """By the name of the format; `narrow` has the layout of `dense`.

    Args:
        block: the width of the blocks; None for the widest that each mask is made of.
    """
    return {
        "dense": DENSE,
        "narrow": DENSE,
        "csr": Layout(_encode_csr, _decode_csr),
        "block": Layout(lambda mask, matrix: _encode_block(mask, matrix, block), _decode_block),
        "bitmask": Layout(_encode_bitmask, _decode_bitmask),
    }


DENSE = Layout(lambda _, matrix: {"weight": matrix}, lambda parts, _: parts["weight"])


def _encode_csr(mask: Bool[Tensor, "O D"], matrix: Float[Tensor, "O D"]) -> dict[str, Tensor]:
    rows = rows_of(mask)
    return {"values": matrix[mask], "columns": rows.columns, "starts": rows.starts}


def _decode_csr(parts: Parts, shape: tuple[int, int]) -> Float[Tensor, "O D"]:
    return scattered_rows(parts["values"], Rows(parts["columns"], parts["starts"]), shape[1])


def _encode_block(
    mask: Bool[Tensor, "O D"], matrix: Float[Tensor, "O D"], block: int | None
) -> dict[str, Tensor]:
    width = widest_block(mask) if block is None else block
    d_out, d_in = mask.shape
    if not is_of_blocks(mask, width) or (block is None and width == 1):
        asked = "" if block is None else f" of {block}"
        raise IncompatibleSettings(
            f"its mask of {d_out} x {d_in} is not made of whole blocks{asked}:"
            " take format=csr or format=bitmask"
        )
    live = tiles(mask, width).flatten(2).any(dim=2)
    rows = rows_of(live)
    blocks = tiles(matrix, width)[live]
    return {"blocks": blocks, "columns": rows.columns, "starts": rows.starts}


def _decode_block(parts: Parts, shape: tuple[int, int]) -> Float[Tensor, "O D"]:
    by_input = parts["blocks"].transpose(1, 2)
    return scattered_blocks(by_input, parts["columns"].long(), parts["starts"], shape[1])


def widest_block(mask: Bool[Tensor, "O D"]) -> int:
    """The largest width of blocks that a mask is made of, 1 if of no larger ones.

    >>> import torch
    >>> widest_block(torch.eye(2, dtype=torch.bool).repeat_interleave(3, 0).repeat_interleave(3, 1))
    3
    """
    common = math.gcd(*mask.shape)
    widths = (width for width in range(common, 0, -1) if common % width == 0)
    return next(width for width in widths if is_of_blocks(mask, width))


def _encode_bitmask(mask: Bool[Tensor, "O D"], matrix: Float[Tensor, "O D"]) -> dict[str, Tensor]:
    return {"values": matrix[mask], "bits": packed(mask)}


def _decode_bitmask(parts: Parts, shape: tuple[int, int]) -> Float[Tensor, "O D"]:
    dense = parts["values"].new_zeros(shape)
    dense[unpacked(parts["bits"], shape)] = parts["values"]
    return dense

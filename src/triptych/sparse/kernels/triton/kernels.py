"""Triton kernels of `BlockLinear`. Importing this file needs the package triton.

Each program computes one tile of an output, all of its sum, in single precision and in fixed
order. Arguments without annotation are pointers to contiguous tensors, and widths: `x` (T, D),
`values` (N, BLOCK, BLOCK) as (input, output), `bias` (O), `grad` (T, O); `columns`, `rows` (N) say
where each block lies.
"""

from typing import no_type_check

import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]


@triton.jit
@no_type_check
def product_kernel(
    x,
    values,
    bias,
    starts,
    order,
    columns,
    out,
    tokens,
    d_in,
    d_out,
    BLOCK: tl.constexpr,
    TILE: tl.constexpr,
    TRANSPOSED: tl.constexpr,
    PRECISION: tl.constexpr,
) -> None:
    """`out = x W^T + bias`, or with TRANSPOSED `out = x W`; grid (d_out / BLOCK, tiles of tokens).

    `starts` (d_out / BLOCK + 1) says which blocks belong to which columns of `out`; with TRANSPOSED
    their numbers come from `order`, and `columns` follows that order too. `d_in` is the width of
    `x`, `d_out` that of `out`.
    """
    row = tl.program_id(0)
    token = tl.program_id(1) * TILE + tl.arange(0, TILE)
    one = tl.arange(0, BLOCK)
    inside = (token < tokens)[:, None]
    token = token.to(tl.int64)
    inputs = x + token[:, None] * d_in + one[None, :]
    blocks = values + one[:, None] * BLOCK + one[None, :]
    total = tl.zeros([TILE, BLOCK], dtype=tl.float32)
    for place in range(tl.load(starts + row), tl.load(starts + row + 1)):
        column = tl.load(columns + place)
        if TRANSPOSED:
            block = tl.trans(tl.load(blocks + tl.load(order + place) * BLOCK * BLOCK))
        else:
            block = tl.load(blocks + place * BLOCK * BLOCK)
        left = tl.load(inputs + column * BLOCK, mask=inside, other=0.0)
        total = tl.dot(left, block, total, input_precision=PRECISION)
    if not TRANSPOSED:
        total += tl.load(bias + row * BLOCK + one).to(tl.float32)[None, :]
    at = out + token[:, None] * d_out + row * BLOCK + one[None, :]
    tl.store(at, total.to(out.dtype.element_ty), mask=inside)


@triton.jit
@no_type_check
def values_kernel(
    x,
    grad,
    rows,
    columns,
    out,
    tokens,
    d_in,
    d_out,
    BLOCK: tl.constexpr,
    TILE: tl.constexpr,
    PRECISION: tl.constexpr,
) -> None:
    """The gradient of each block, `out[n] = x[:, column]^T grad[:, row]`; grid (N)."""
    place = tl.program_id(0)
    one = tl.arange(0, BLOCK)
    inputs = x + tl.load(columns + place) * BLOCK + one[:, None]
    outputs = grad + tl.load(rows + place) * BLOCK + one[None, :]
    total = tl.zeros([BLOCK, BLOCK], dtype=tl.float32)
    for start in range(0, tokens, TILE):
        token = start + tl.arange(0, TILE)
        inside = token < tokens
        token = token.to(tl.int64)
        left = tl.load(inputs + token[None, :] * d_in, mask=inside[None, :], other=0.0)
        right = tl.load(outputs + token[:, None] * d_out, mask=inside[:, None], other=0.0)
        total = tl.dot(left, right, total, input_precision=PRECISION)
    at = out + place.to(tl.int64) * BLOCK * BLOCK + one[:, None] * BLOCK + one[None, :]
    tl.store(at, total.to(out.dtype.element_ty))

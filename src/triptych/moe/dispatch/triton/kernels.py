"""Triton kernels of `triton_dispatch`. Importing this file needs the package triton.

In all of them N rows are sorted by expert and rows from `ends[-1]` on are unused: those of routes
that do not run. That number is read on the device, so that the host never waits for it; unused
rows are neither read nor written, whatever they hold. All arithmetic is in single precision.

Arguments without annotation are pointers to contiguous tensors. Pointers: `token`, `route` (N),
`place`, `gates`, `experts` (T, K), `ends` (E) as in `Order`; `bias` (E, W), `hidden` (N, W),
`factors` and `gated` (N, F). Numbers: T tokens, K routes a token, E experts, D, W and F widths.
"""

from typing import no_type_check

import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]


@triton.jit
@no_type_check
def spread_kernel(
    x, token, ends, out, E: tl.constexpr, D: tl.constexpr, BLOCK: tl.constexpr
) -> None:
    """`out[i] = x[token[i]]`; grid (N, blocks of D)."""
    row = tl.program_id(0).to(tl.int64)
    if row < tl.load(ends + E - 1):
        column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
        inside = column < D
        values = tl.load(x + tl.load(token + row) * D + column, mask=inside)
        tl.store(out + row * D + column, values, mask=inside)


@triton.jit
@no_type_check
def collect_kernel(
    rows,
    place,
    ends,
    out,
    E: tl.constexpr,
    K: tl.constexpr,
    D: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """`out[t] = sum_k rows[place[t, k]]` over running routes; grid (T, blocks of D)."""
    one = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < D
    used = tl.load(ends + E - 1)
    total = tl.zeros([BLOCK], dtype=tl.float32)
    for k in range(K):
        row = tl.load(place + one * K + k)
        values = tl.load(rows + row * D + column, mask=inside & (row < used), other=0.0)
        total += values.to(tl.float32)
    tl.store(out + one * D + column, total.to(out.dtype.element_ty), mask=inside)


@triton.jit
@no_type_check
def first_layer(hidden, bias, row, expert, column, inside, W: tl.constexpr, BIAS: tl.constexpr):
    """Columns of the first layer's output, with their bias."""
    values = tl.load(hidden + row * W + column, mask=inside, other=0.0).to(tl.float32)
    if BIAS:
        values += tl.load(bias + expert * W + column, mask=inside, other=0.0).to(tl.float32)
    return values


@triton.jit
@no_type_check
def activate(a, b, ACTIVATION: tl.constexpr):
    """The hidden units; `b` is the value of a gated activation, else anything."""
    if ACTIVATION == "swiglu":
        unit = a * tl.sigmoid(a) * b
    elif ACTIVATION == "gelu":
        unit = 0.5 * a * (1.0 + tl.erf(a * 0.7071067811865476))
    else:
        unit = tl.where(a < 0.0, 0.0, a)  # not maximum: that would hide a NaN
    return unit


@triton.jit
@no_type_check
def slope(a, b, ACTIVATION: tl.constexpr):
    """The derivative of the hidden units by `a`."""
    if ACTIVATION == "swiglu":
        chance = tl.sigmoid(a)
        rise = b * chance * (1.0 + a * (1.0 - chance))
    elif ACTIVATION == "gelu":
        density = 0.3989422804014327 * tl.exp(-0.5 * a * a)
        rise = 0.5 * (1.0 + tl.erf(a * 0.7071067811865476)) + a * density
    else:
        rise = tl.where(a <= 0.0, 0.0, 1.0)
    return rise


@triton.jit
@no_type_check
def gate_kernel(
    hidden,
    bias,
    factors,
    gates,
    experts,
    route,
    ends,
    gated,
    E: tl.constexpr,
    W: tl.constexpr,
    F: tl.constexpr,
    ACTIVATION: tl.constexpr,
    BIAS: tl.constexpr,
    FACTORS: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """`gated = gate * activation(hidden + bias) * factors`; grid (N, blocks of F)."""
    row = tl.program_id(0).to(tl.int64)
    if row < tl.load(ends + E - 1):
        column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
        inside = column < F
        which = tl.load(route + row)
        expert = tl.load(experts + which)
        a = first_layer(hidden, bias, row, expert, column, inside, W, BIAS)
        b = a
        if W > F:
            b = first_layer(hidden, bias, row, expert, F + column, inside, W, BIAS)
        unit = activate(a, b, ACTIVATION)
        if FACTORS:
            unit *= tl.load(factors + row * F + column, mask=inside, other=0.0).to(tl.float32)
        unit *= tl.load(gates + which).to(tl.float32)
        tl.store(gated + row * F + column, unit.to(gated.dtype.element_ty), mask=inside)


@triton.jit
@no_type_check
def gate_backward_kernel(
    hidden,
    bias,
    factors,
    gates,
    experts,
    route,
    ends,
    for_gated,
    gated,
    for_hidden,
    for_gates,
    E: tl.constexpr,
    W: tl.constexpr,
    F: tl.constexpr,
    ACTIVATION: tl.constexpr,
    BIAS: tl.constexpr,
    FACTORS: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """From the gradient `for_gated` those of hidden and gates, and `gated` once more; grid (N).

    Each route is one row's, so nothing is added up between programs.
    """
    row = tl.program_id(0).to(tl.int64)
    if row < tl.load(ends + E - 1):
        which = tl.load(route + row)
        expert = tl.load(experts + which)
        gate = tl.load(gates + which).to(tl.float32)
        products = tl.zeros([BLOCK], dtype=tl.float32)
        for start in range(0, F, BLOCK):
            column = start + tl.arange(0, BLOCK)
            inside = column < F
            a = first_layer(hidden, bias, row, expert, column, inside, W, BIAS)
            b = a
            if W > F:
                b = first_layer(hidden, bias, row, expert, F + column, inside, W, BIAS)
            unit = activate(a, b, ACTIVATION)
            grad = tl.load(for_gated + row * F + column, mask=inside, other=0.0).to(tl.float32)
            kept = gate * grad
            if FACTORS:
                factor = tl.load(factors + row * F + column, mask=inside, other=0.0)
                unit *= factor.to(tl.float32)
                kept *= factor.to(tl.float32)
            products += unit * grad
            unit *= gate
            tl.store(gated + row * F + column, unit.to(gated.dtype.element_ty), mask=inside)
            first = kept * slope(a, b, ACTIVATION)
            at = for_hidden + row * W + column
            tl.store(at, first.to(for_hidden.dtype.element_ty), mask=inside)
            if W > F:
                second = kept * a * tl.sigmoid(a)
                tl.store(at + F, second.to(for_hidden.dtype.element_ty), mask=inside)
        tl.store(for_gates + which, tl.sum(products).to(for_gates.dtype.element_ty))

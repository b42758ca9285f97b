"""Masks of whole hidden units."""

from itertools import pairwise

import torch
from jaxtyping import Bool
from torch import Tensor

from triptych.errors import IncompatibleSettings
from triptych.sparse.patterns.uniform import Generators, Shapes, live_weights


def neurons_masks(
    shapes: Shapes, sparsity: float, generators: Generators
) -> list[Bool[Tensor, "_ _"]]:
    """Hidden units exist or not, with all their weights: what is left is a narrower dense net.

    The layers are taken as a chain: where the next layer has as many inputs as this one has
    outputs, these are hidden units, and those that exist are the same in the rows of the one and
    the columns of the other. All other inputs and outputs stay. Each layer of units keeps the same
    share of them, at least 1 unit, so that the number of weights is the nearest possible to
    `live_weights(...)` of all; which ones is equally likely.

    Raises:
        IncompatibleSettings: if weights are to be left out and no two layers share units.
    """
    inner = [d_out == d_in for (d_out, _), (_, d_in) in pairwise(shapes)]
    if sparsity > 0 and not any(inner):
        raise IncompatibleSettings(
            f"model/mask=neurons: no hidden units between layers of {list(shapes)}:"
            " take model/mask=uniform"
        )
    widths = [d_out for (d_out, _), hidden in zip(shapes, [*inner, False], strict=True) if hidden]
    budget = live_weights(sum(d_out * d_in for d_out, d_in in shapes), sparsity)
    left = iter(min(_choices(widths), key=lambda c: abs(_weights(shapes, inner, c) - budget)))
    masks: list[Tensor] = []
    columns = torch.ones(shapes[0][1], dtype=torch.bool)
    for (d_out, d_in), hidden, generator in zip(shapes, [*inner, False], generators, strict=True):
        columns = columns if len(columns) == d_in else torch.ones(d_in, dtype=torch.bool)
        rows = torch.ones(d_out, dtype=torch.bool)
        if hidden:
            rows[torch.randperm(d_out, generator=generator)[next(left) :]] = False
        masks.append(rows[:, None] & columns)
        columns = rows
    return masks


def _choices(widths: list[int]) -> list[tuple[int, ...]]:
    """The numbers of units that one share leaves, for each share that makes a difference.

    In whole numbers: a width of W rounds up to k units from the share (2 k - 1) / 2 W on.
    """
    shares = {(2 * k - 1, 2 * width) for width in widths for k in range(1, width + 1)} | {(1, 1)}
    return [
        tuple(max(1, (2 * up * width + down) // (2 * down)) for width in widths)
        for up, down in sorted(shares)
    ]


def _weights(shapes: Shapes, inner: list[bool], units: tuple[int, ...]) -> int:
    left, total, columns = iter(units), 0, shapes[0][1]
    for (d_out, d_in), before, after in zip(shapes, [False, *inner], [*inner, False], strict=True):
        rows = next(left) if after else d_out
        total += rows * (columns if before else d_in)
        columns = rows
    return total

"""Grids for the likelihoods of signals that are an amplitude times a template.

Each function takes the ranges of the parameters and returns the `grid` of `Templates`.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from triptych.data.bayes.likelihood import LARGEST_GRID
from triptych.data.bayes.nodes import Nodes, both_signs, spread, tensor_nodes

Range = tuple[float, float]
Grid = Callable[[int, float, int], Nodes | None]

PATTERNS = (12, 6)  # frequencies and phases for each time, to find the patterns of square waves
MOST_PATTERNS = 4_000_000


def times(seq_len: int) -> Tensor:
    """[0, 1] in equal steps, in float64."""
    return torch.linspace(0, 1, seq_len, dtype=torch.float64)


def jump_grid(jumps: Range) -> Grid:
    """A step of either sign. Jumps between the same two times are the same template: exact."""

    def grid(seq_len: int, step: float, bins: int) -> Nodes:
        t, (low, high) = times(seq_len), jumps
        edges = torch.linspace(low, high, bins + 1, dtype=torch.float64)
        cuts = torch.cat([edges, t[(t > low) & (t < high)]]).unique()
        middle = (cuts[1:] + cuts[:-1]) / 2
        bin_ = torch.bucketize(middle, edges[1:-1])
        template = (t > middle[:, None]).double()
        return both_signs(Nodes(template, cuts.diff() / (high - low), bin_))

    return grid


def decay_grid(decays: Range) -> Grid:
    """exp(-rate t) of either sign."""

    def grid(seq_len: int, step: float, bins: int) -> Nodes:
        def template(rate: Tensor) -> Tensor:
            return (-rate[:, None] * times(seq_len)).exp_()

        rates = spread(template, *decays, step, bins)
        return both_signs(rates._replace(value=template(rates.value)))

    return grid


def bump_grid(widths: Range, centres: Range) -> Grid:
    """A bell curve; narrow ones need more centres."""

    def grid(seq_len: int, step: float, bins: int) -> Nodes | None:
        t = times(seq_len)

        def template(width: Tensor, centre: Tensor) -> Tensor:
            return (-((t - centre[..., None]) / width[..., None]).square()).exp_()

        def somewhere(width: Tensor) -> Tensor:
            # With some centres side by side, this moves as much as the mean of them.
            places = torch.linspace(*centres, 5, dtype=torch.float64)
            return template(width[:, None], places).flatten(1) / math.sqrt(len(places))

        parts, numbers = [], 0
        for width, weight, number in zip(*spread(somewhere, *widths, step, bins), strict=True):
            across = spread(lambda centre, width=width: template(width, centre), *centres, step)
            numbers += len(across.value) * seq_len
            if numbers > LARGEST_GRID:
                return None
            value = template(width, across.value)
            parts.append(Nodes(value, across.weight * weight, across.bin + number))
        return Nodes(*map(torch.cat, zip(*parts, strict=True)))

    return grid


def square_grid(frequencies: Range) -> Grid:
    """The patterns of signs that square waves make, each as heavy as its area of frequency and
    phase. They are counted on a dense grid; what it misses is rare."""

    def grid(seq_len: int, step: float, bins: int) -> Nodes | None:
        counts = (PATTERNS[0] * seq_len, PATTERNS[1] * seq_len)
        if math.prod(counts) > MOST_PATTERNS:
            return None
        points = tensor_nodes(*frequencies, counts, bins)
        up = np.concatenate(
            [(_turns(part, seq_len) < 0.5).numpy() for part in points.value.split(100_000)]
        )
        keys = np.concatenate([np.packbits(up, axis=1), points.bin.numpy()[:, None]], axis=1)
        keys = np.ascontiguousarray(keys.astype(np.uint8))
        whole = keys.view(f"V{keys.shape[1]}")[:, 0]
        _, first, count = np.unique(whole, return_index=True, return_counts=True)
        value = torch.from_numpy(np.where(up[first], 1.0, -1.0))
        return Nodes(value, torch.from_numpy(count / len(up)), points.bin[torch.from_numpy(first)])

    return grid


def saw_grid(frequencies: Range) -> Grid:
    """A saw. That it jumps costs the quadrature no accuracy that the classifier would notice."""

    def grid(seq_len: int, step: float, bins: int) -> Nodes | None:
        low, high = frequencies
        away = (times(seq_len) - 0.5).norm()
        counts = (
            math.ceil((high - low) * 2 * float(away) / step),
            math.ceil(2 * math.sqrt(seq_len) / step),
        )
        counts = (max(counts[0], 64, 4 * seq_len), max(counts[1], 64, 3 * seq_len))
        if math.prod(counts) * seq_len > LARGEST_GRID:
            return None
        points = tensor_nodes(low, high, counts, bins)
        return points._replace(value=2 * _turns(points.value, seq_len) - 1)

    return grid


def _turns(points: Tensor, seq_len: int) -> Tensor:
    """frac(f t + phase) for points (f, phase). The phase is that at t = 1/2, which is uniform too,
    and independent of the frequency given a signal."""
    return (points[:, :1] * (times(seq_len) - 0.5) + points[:, 1:]) % 1

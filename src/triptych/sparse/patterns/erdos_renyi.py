"""More weights for narrow layers: the Erdos-Renyi allocation of a common budget."""

import math
from collections.abc import Sequence

from jaxtyping import Bool
from torch import Tensor

from triptych.sparse.patterns.uniform import Generators, Shapes, live_weights, scattered


def erdos_renyi_masks(
    shapes: Shapes, sparsity: float, generators: Generators
) -> list[Bool[Tensor, "_ _"]]:
    """Density in proportion to `(O + D) / (O * D)`, at most 1: Mocanu et al. 2018,
    arXiv 1707.04780, eq. 3; for linear layers the same as ERK (Evci et al. 2020, arXiv 1911.11134,
    section 3). The number of weights of the whole net is exact."""
    budget = live_weights(sum(d_out * d_in for d_out, d_in in shapes), sparsity)
    parts = _parts(shapes, 1 - sparsity)
    counts = apportion([density * size for density, size in parts], budget, [s for _, s in parts])
    return [
        scattered(d_out, d_in, count, generator)
        for (d_out, d_in), count, generator in zip(shapes, counts, generators, strict=True)
    ]


def erdos_renyi_densities(shapes: Sequence[Sequence[int]], density: float) -> list[float]:
    """The density of each layer, of any number of dimensions (ERK), for one of the whole net.

    Layers that would exceed 1 are dense, and the others share what is left.

    >>> [round(d, 6) for d in erdos_renyi_densities([(300, 784), (100, 300), (10, 100)], 0.1)]
    [0.079568, 0.230189, 1.0]
    """
    return [d for d, _ in _parts(shapes, density)]


def _parts(shapes: Sequence[Sequence[int]], density: float) -> list[tuple[float, int]]:
    sizes = [math.prod(shape) for shape in shapes]
    raw = [sum(shape) / size for shape, size in zip(shapes, sizes, strict=True)]
    dense: set[int] = set()
    while len(dense) < len(sizes):
        # As in the paper's code, what a layer leaves out is rounded down.
        left = sum(
            -math.floor((1 - density) * n) if i in dense else n - math.floor((1 - density) * n)
            for i, n in enumerate(sizes)
        )
        free = [i for i in range(len(sizes)) if i not in dense]
        scale = left / sum(raw[i] * sizes[i] for i in free)
        largest = max(raw[i] for i in free)
        if largest * scale <= 1:
            return [(1.0 if i in dense else scale * raw[i], n) for i, n in enumerate(sizes)]
        dense |= {i for i in free if raw[i] == largest}
    return [(1.0, n) for n in sizes]


def apportion(wanted: Sequence[float], total: int, sizes: Sequence[int]) -> list[int]:
    """Whole numbers near `wanted`, none above its size, that sum to `total`.

    What is missing after rounding down goes to the largest remainders, one each and again.

    >>> apportion([1.5, 2.25, 0.25], 4, [9, 9, 9])
    [2, 2, 0]
    """
    counts = [min(math.floor(value), size) for value, size in zip(wanted, sizes, strict=True)]
    step = 1 if total >= sum(counts) else -1
    while sum(counts) != total:
        rest = [step * (value - count) for value, count in zip(wanted, counts, strict=True)]
        able = [i for i in range(len(counts)) if 0 <= counts[i] + step <= sizes[i]]
        counts[max(able, key=lambda i: (rest[i], -i))] += step
    return counts

"""Schedules of sparse training: pure functions of the optimizer step."""

import math


def cosine(fraction: float, progress: float) -> float:
    """`fraction / 2 * (1 + cos(pi * progress))`: RigL, Evci et al. 2020, arXiv 1911.11134, eq. 1.

    >>> cosine(0.3, 0.0), round(cosine(0.3, 0.5), 3), cosine(0.3, 1.0)
    (0.3, 0.15, 0.0)
    """
    return fraction / 2 * (1 + math.cos(math.pi * progress))


def linear(fraction: float, progress: float) -> float:
    """From `fraction` down to 0 in a straight line.

    >>> linear(0.3, 0.5)
    0.15
    """
    return fraction * (1 - progress)


def constant(fraction: float, progress: float) -> float:
    """Always `fraction`."""
    return fraction


def cubic(initial: float, final: float, progress: float) -> float:
    """The sparsity of gradual magnitude pruning: Zhu and Gupta 2017, arXiv 1710.01878, eq. 1.

    >>> cubic(0.0, 0.8, 0.0), round(cubic(0.0, 0.8, 0.5), 3), cubic(0.0, 0.8, 1.0)
    (0.0, 0.7, 0.8)
    """
    return final + (initial - final) * (1 - min(max(progress, 0.0), 1.0)) ** 3

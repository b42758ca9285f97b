"""Where quadratures look: templates, each with the prior probability that it stands for."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

PROBES = 1024  # of each bin, to measure how fast a template changes
FINEST = 10_000.0  # nodes for each radian that a template turns
FINEST_GROWTH = 100.0  # nodes for each factor e by which it grows


class Nodes(NamedTuple):
    """Attributes:
    value: of the parameter, (G,) float64; or its templates, (G, L).
    weight: prior probability, (G,); they add up to 1.
    bin: of the latent, (G,) int64.
    """

    value: Float[Tensor, "G ..."]
    weight: Float[Tensor, " G"]
    bin: Int[Tensor, " G"]


def spread(
    template: Callable[[Float[Tensor, " G"]], Float[Tensor, "G L"]],
    low: float,
    high: float,
    step: float,
    bins: int = 1,
) -> Nodes:
    """Midpoints of cells over a parameter that is uniform on [low, high].

    Cells are as wide as it takes to move the template by `step`, and no edge of a bin lies within
    one. Where a template is so large that this would take too many nodes, cells are wider: there it
    resembles nothing else.
    """
    value, weight, bin_ = [], [], []
    edges = np.linspace(low, high, bins + 1)
    for number, (start, stop) in enumerate(pairwise(edges)):
        probes = torch.linspace(start, stop, PROBES + 1, dtype=torch.float64)
        u = template(probes)
        norm = u.norm(dim=1).clamp(min=1e-30)
        turns = (u / norm[:, None]).diff(dim=0).norm(dim=1)
        sideways = turns * (norm[1:] / step).clamp(max=FINEST)
        along = norm.diff().abs() / (norm[1:] / FINEST_GROWTH).clamp(min=step)
        moves = sideways + along
        path = np.concatenate([[0.0], moves.cumsum(0).numpy()])
        cells = max(4, math.ceil(path[-1]))
        cuts = np.interp(np.linspace(0, path[-1], cells + 1), path, probes.numpy())
        value.append(torch.from_numpy((cuts[1:] + cuts[:-1]) / 2))
        weight.append(torch.from_numpy(np.diff(cuts) / (high - low)))
        bin_.append(torch.full((cells,), number))
    return Nodes(torch.cat(value), torch.cat(weight), torch.cat(bin_))


def tensor_nodes(low: float, high: float, counts: tuple[int, int], bins: int) -> Nodes:
    """Midpoints of equal cells over the latent, uniform on [low, high], and a phase, on [0, 1].

    Returns:
        Nodes with values (G, 2). The latent has a multiple of `bins` cells, at least counts[0].
    """
    cells = -(-counts[0] // bins) * bins
    latent = low + (high - low) * (torch.arange(cells).double() + 0.5) / cells
    phase = (torch.arange(counts[1]).double() + 0.5) / counts[1]
    value = torch.cartesian_prod(latent, phase)
    number = (torch.arange(cells) * bins // cells).repeat_interleave(counts[1])
    return Nodes(value, torch.full((len(value),), 1 / len(value)).double(), number)


def both_signs(nodes: Nodes) -> Nodes:
    """Every template and its negative, equally likely."""
    return Nodes(
        torch.cat([nodes.value, -nodes.value]),
        torch.cat([nodes.weight, nodes.weight]) / 2,
        torch.cat([nodes.bin, nodes.bin]),
    )

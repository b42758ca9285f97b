"""Masks with the same number of weights in every row."""

import torch
from jaxtyping import Bool
from torch import Tensor

from triptych.errors import IncompatibleSettings
from triptych.sparse.patterns.uniform import Generators, Shapes, live_weights


def constant_fan_in_masks(
    shapes: Shapes, sparsity: float, generators: Generators
) -> list[Bool[Tensor, "_ _"]]:
    """Each output has the same number of inputs, at least 1 (SRigL, Lasby et al. 2023,
    arXiv 2305.02299): `max(1, round((1 - sparsity) * D))`."""
    return [
        _grouped(d_out, 1, d_in, max(1, live_weights(d_in, sparsity)), generator)
        for (d_out, d_in), generator in zip(shapes, generators, strict=True)
    ]


def n_of_m_masks(
    shapes: Shapes, sparsity: float, generators: Generators, *, m: int
) -> list[Bool[Tensor, "_ _"]]:
    """Exactly N = (1 - sparsity) * M weights in each group of M inputs, as in 2:4
    (Mishra et al. 2021, arXiv 2104.08378).

    Raises:
        IncompatibleSettings: if N is no whole number above 0, or M does not divide a layer's width.
    """
    n = live_weights(m, sparsity)
    if n < 1 or abs(n - (1 - sparsity) * m) > 1e-6:
        allowed = ", ".join(f"{1 - k / m:.4g}" for k in range(1, m))
        raise IncompatibleSettings(
            f"model.sparsity={sparsity} leaves no whole number of weights in groups of {m}:"
            f" take one of {allowed}"
        )
    for d_out, d_in in shapes:
        if d_in % m:
            raise IncompatibleSettings(
                f"a layer of {d_out} x {d_in} has no whole groups of {m} inputs:"
                f" take widths that {m} divides, or model/mask=uniform"
            )
    return [
        _grouped(d_out, d_in // m, m, n, generator)
        for (d_out, d_in), generator in zip(shapes, generators, strict=True)
    ]


def _grouped(
    d_out: int, groups: int, size: int, weights: int, generator: torch.Generator
) -> Tensor:
    lots = torch.rand(d_out * groups, size, generator=generator, dtype=torch.double)
    chosen = lots.argsort(dim=1)[:, :weights]
    mask = torch.zeros(d_out * groups, size, dtype=torch.bool)
    return mask.scatter_(1, chosen, True).view(d_out, groups * size)

"""Small nets with sparse layers of which every weight exists."""

import itertools

import torch
from torch import Tensor, nn

from triptych.sparse import MaskedLinear, SparseLinear

D_IN, CLASSES = 4, 3


def full(d_out: int, d_in: int) -> MaskedLinear:
    return MaskedLinear(torch.ones(d_out, d_in, dtype=torch.bool))


def net(seed: int = 0) -> nn.Sequential:
    """Two sparse layers among others; smooth, so that finite differences are near."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(D_IN, 5), full(6, 5), nn.Tanh(), nn.Dropout(0.5), nn.LayerNorm(6),
        full(5, 6), nn.Tanh(), nn.Linear(5, CLASSES),
    )  # fmt: skip


def chain(seed: int = 0, widths: tuple[int, ...] = (4, 6, 5, 3)) -> nn.Sequential:
    """Sparse layers alone, with ReLU between them."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for d_in, d_out in itertools.pairwise(widths):
        layers += [full(d_out, d_in), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def samples(count: int = 12, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, D_IN, generator=generator)
    return x, torch.randint(CLASSES, (count,), generator=generator)


def sparse(network: nn.Module) -> dict[str, SparseLinear]:
    return {n: m for n, m in network.named_modules() if isinstance(m, SparseLinear)}

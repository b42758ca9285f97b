"""What both benchmarks of sparse layers time."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def forward(layer: Any, x: Tensor) -> Callable[[], object]:
    """One pass without gradients."""

    @torch.no_grad()
    def run() -> object:
        return layer(x)

    return run


def step(net: nn.Module, x: Tensor) -> Callable[[], object]:
    """Forward, backward and AdamW."""
    optimizer = torch.optim.AdamW(net.parameters(), fused=True)

    def run() -> None:
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()

    return run

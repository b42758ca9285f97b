"""Whose tokens a balance loss looks at: those of one process, or of all."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch import distributed as dist

Average = Callable[[Tensor], Tensor]
"""The mean of a tensor over all processes that share a step, with the gradient of the own part."""


def micro_batch(own: Tensor) -> Tensor:
    """No other process counts."""
    return own


def global_batch(own: Tensor) -> Tensor:
    """The mean over all ranks (global-batch balance, Qiu et al. 2025, arXiv 2501.11873).

    Its gradient is that of the own part: DDP takes the mean of gradients over ranks afterwards,
    which makes it that of one process with the joint batch. The collective needs no gradient.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return own
    total = own.detach().to(torch.promote_types(own.dtype, torch.float32), copy=True)
    dist.all_reduce(total)
    mean = total / dist.get_world_size()
    return own + (mean - own.detach()) if own.requires_grad else mean

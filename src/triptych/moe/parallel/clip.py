"""Gradient clipping where some parameters are spread over ranks."""

from collections.abc import Iterable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from triptych.moe.parallel.shard import Sharding


def clip_grad_norm(
    parameters: Mapping[str, nn.Parameter], max_norm: float, sharding: Sharding
) -> Float[Tensor, ""]:
    """`torch.nn.utils.clip_grad_norm_` by the norm of the whole net; all ranks call it together.

    Args:
        parameters: by their names in the net that was sharded.

    Returns:
        The norm before clipping, equal on all ranks.
    """
    sharded = sharding.sharded
    experts = _square(p for name, p in parameters.items() if name in sharded)
    rest = _square(p for name, p in parameters.items() if name not in sharded)
    device = next(iter(parameters.values())).device
    total = experts.to(device)
    # Over the world, not one group: all ranks must get the very same bits.
    dist.all_reduce(total)
    norm = (rest.to(device) + total / sharding.groups.replicas.size()).sqrt()
    clip_grads_with_norm_(parameters.values(), max_norm, norm)
    return norm


def _square(parameters: Iterable[nn.Parameter]) -> Tensor:
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = get_total_norm(grads)
    return norm.to(torch.promote_types(norm.dtype, torch.float32)).square()

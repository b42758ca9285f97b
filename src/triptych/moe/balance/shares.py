"""What balance losses are made of: shares of routes and mean probabilities."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from triptych.moe.balance.statistics import Average
from triptych.moe.routing import Routing


def route_share(load: Int[Tensor, " E"], like: Tensor, average: Average) -> Float[Tensor, " E"]:
    """f_e: the share of expert e in all routes; sums to 1. Carries no gradient."""
    total = average(load.to(like.dtype))
    return total / total.sum().clamp(min=1e-30)


def mean_over_tokens(
    values: Float[Tensor, "T E"], routing: Routing, average: Average
) -> Float[Tensor, " E"]:
    """The mean over real tokens; over ranks, each rank's part of it (its mean over ranks is it)."""
    if routing.valid is None:
        tokens = values.new_full((), len(values))  # not torch.tensor: on CUDA its copy waits
        total = values.sum(dim=0)
    else:
        tokens = routing.valid.sum().to(values.dtype)
        total = torch.where(routing.valid[:, None], values, 0.0).sum(dim=0)
    return total / average(tokens).clamp(min=1e-30)


def squared_variation(values: Float[Tensor, " E"]) -> Float[Tensor, ""]:
    """CV^2, variance over squared mean, of a whole population; 0 where all are equal."""
    return values.var(correction=0) / values.mean().square().clamp(min=1e-30)

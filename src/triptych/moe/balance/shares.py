"""What balance losses are made of: shares of routes and mean probabilities."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from triptych.moe.balance.statistics import Average
from triptych.moe.routing import Routing

TINY = 1e-30  # keeps 0 / 0 at 0 where there are no tokens; far below any real denominator


def route_share(load: Int[Tensor, " E"], like: Tensor, average: Average) -> Float[Tensor, " E"]:
    """f_e: the share of expert e in all routes; sums to 1. Carries no gradient."""
    total = average(load.to(like.dtype))
    return total / total.sum().clamp(min=TINY)


def mean_over_tokens(
    values: Float[Tensor, "T E"], routing: Routing, average: Average
) -> Float[Tensor, " E"]:
    """The mean over real tokens; over ranks, each rank's part of it (its mean over ranks is it)."""
    if routing.valid is None:
        tokens = values.new_full((), float(len(values)))  # filled on the device, without a copy
        total = values.sum(dim=0)
    else:
        tokens = routing.valid.sum().to(values.dtype)
        total = torch.where(routing.valid[:, None], values, 0.0).sum(dim=0)
    return total / average(tokens).clamp(min=TINY)


def route_map(routing: Routing) -> Float[Tensor, "T E"]:
    """1 where a counted route leads from a token to an expert; else 0. Carries no gradient."""
    counted = routing.counted()
    ones = torch.ones_like(routing.experts) if counted is None else counted
    zeros = torch.zeros_like(routing.probs)
    return zeros.scatter_add_(1, routing.experts, ones.to(zeros.dtype))


def by_sequence(values: Float[Tensor, "T N"], routing: Routing) -> Float[Tensor, "S N"]:
    """Sums over the tokens of each sequence."""
    length = len(values) // max(routing.sequences, 1)
    return values.view(routing.sequences, length, values.shape[1]).sum(dim=1)


def squared_variation(values: Float[Tensor, " E"]) -> Float[Tensor, ""]:
    """CV^2, variance over squared mean, of a whole population; 0 where all are equal."""
    return values.var(correction=0) / values.mean().square().clamp(min=TINY)

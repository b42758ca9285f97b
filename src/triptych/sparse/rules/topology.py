"""Which weights go and which come: pure functions on a layer's mask."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def keep_largest(
    score: Float[Tensor, "*places"], among: Bool[Tensor, "*places"], count: int
) -> Bool[Tensor, "*places"]:
    """The `count` places of largest score among some; of equal scores, any."""
    flat = torch.where(among, score, -torch.inf).flatten()
    mask = torch.zeros_like(flat, dtype=torch.bool)
    mask[torch.topk(flat, count).indices] = True
    return mask.view_as(among)


def moved(
    weight: Float[Tensor, "O D"],
    mask: Bool[Tensor, "O D"],
    score: Float[Tensor, "O D"],
    share: float,
) -> Bool[Tensor, "O D"]:
    """Drops a share of the weights, the smallest, then grows as many where the score is largest.

    A weight that was just dropped may come back (Evci et al. 2020, arXiv 1911.11134, alg. 1).
    """
    total = int(mask.sum())
    count = int(share * total)
    kept = keep_largest(weight.abs(), mask, total - count)
    return kept | keep_largest(score, ~kept, count)

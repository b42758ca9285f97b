"""Random decisions of a top-k router, for the tests of this folder."""

import torch
from torch import Tensor

from triptych.moe import Routing

SIZES = [(24, 8, 1), (24, 8, 2), (40, 4, 2), (64, 16, 4), (6, 3, 3)]
"""(tokens, experts, top_k), the first a multiple of the second where a library wants it."""


def random_logits(tokens: int, experts: int) -> Tensor:
    """Spread out and biased to low ids, so that loads are uneven."""
    generator = torch.Generator().manual_seed(tokens + experts)
    logits = torch.randn(tokens, experts, generator=generator, dtype=torch.double)
    return (logits - torch.linspace(0, 1, experts)).requires_grad_()


def decision(logits: Tensor, top_k: int, renormalised: bool) -> Routing:
    probs = torch.softmax(logits, dim=1)
    gates, experts = torch.topk(probs, top_k, dim=1)
    if renormalised:
        gates = gates / gates.sum(dim=1, keepdim=True)
    return Routing(experts=experts, gates=gates, probs=probs, logits=logits)


def over_experts(routing: Routing, values: Tensor) -> Tensor:
    """(T, K) -> (T, E), zero for experts that were not chosen."""
    return torch.zeros_like(routing.probs).scatter(1, routing.experts, values.to(routing.probs))

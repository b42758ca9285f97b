"""Every balance loss that can be configured, and decisions to judge with them."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor

from triptych.moe import Average, Routing, micro_batch

Loss = Callable[..., Tensor]

CONF = Path(__file__).parents[3] / "conf" / "model" / "balance"


def _made(file: Path) -> Any:
    settings: Any = OmegaConf.load(file)
    settings.pop("defaults", None)  # of other groups
    return instantiate(settings)


LOSSES: dict[str, Loss] = {file.stem: _made(file) for file in sorted(CONF.glob("*.yaml"))}

# What each is worth at perfect balance, by the papers; the generic tests need no entry here.
AT_BALANCE: dict[str, Callable[[int], float]] = {
    "switch": lambda experts: 1.0,
    "gshard": lambda experts: 1.0,
    "sequence": lambda experts: 1.0,
    "importance": lambda experts: 0.0,
    "importance_load": lambda experts: 0.0,
    "squared_deviation": lambda experts: 0.0,
    "none": lambda experts: 0.0,
    "z": lambda experts: math.log(experts) ** 2,
}


def decided(logits: Tensor, top_k: int, valid: Tensor | None = None, sequences: int = 1) -> Routing:
    """The decision of a top-k router, all of it a function of the logits (T, E).

    The chances are no real ones, but like these they are a smooth function of the logits.
    """
    probs = torch.softmax(logits, dim=1)
    gates, experts = probs.topk(top_k, dim=1)
    gates = gates / gates.sum(dim=1, keepdim=True) if top_k > 1 else gates
    if valid is not None:
        gates = torch.where(valid[:, None], gates, 0.0)
    return Routing(
        experts=experts,
        gates=gates,
        probs=probs,
        logits=logits,
        valid=valid,
        chances=torch.sigmoid(2 * logits - 1),
        sequences=sequences,
    )


def random_logits(tokens: int, experts: int, seed: int) -> Tensor:
    """In double precision, with the first experts liked better than the last."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(tokens, experts, generator=generator, dtype=torch.double)
    return noise - torch.arange(experts) / experts


def value_and_gradient(
    loss: Loss, logits: Tensor, average: Average = micro_batch, **decision: Any
) -> tuple[Tensor, Tensor]:
    """The loss and its gradient by the logits; 0 where none flows."""
    leaf = logits.clone().requires_grad_()
    value = loss(decided(leaf, **decision), average)
    if not value.requires_grad:
        return value, torch.zeros_like(leaf)
    (gradient,) = torch.autograd.grad(value, leaf, allow_unused=True, materialize_grads=True)
    return value.detach(), gradient


def balanced(experts: int, top_k: int) -> Routing:
    """Token t goes to t, t + 1, ..., with equal logits."""
    ids = [[(t + k) % experts for k in range(top_k)] for t in range(experts)]
    logits = torch.zeros(experts, experts, dtype=torch.double)
    even = decided(logits, top_k)
    chances = torch.full_like(logits, top_k / experts)
    return replace(even, experts=torch.tensor(ids), chances=chances)

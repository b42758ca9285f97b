"""Layers as rules see them."""

import torch
from torch import Tensor

from triptych.sparse import Rule, View, uniform_mask


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def view(d_out: int, d_in: int, sparsity: float, seed: int, scale: float = 1.0) -> View:
    """Random weights under a random mask, and a random gradient everywhere."""
    generator = stream(seed)
    mask = uniform_mask(d_out, d_in, sparsity, generator)
    weight = scale * torch.randn(d_out, d_in, generator=generator) * mask
    return View(weight, mask, torch.randn(d_out, d_in, generator=generator), generator)


def following(rule: Rule, layer: View, progress: float = 0.0) -> Tensor:
    (mask,) = rule.update([layer], progress)
    return mask


def oracle(weight: Tensor, mask: Tensor, score: Tensor, count: int) -> Tensor:
    """By sorting lists: the smallest of those that are there go, the best of the others come."""
    places = list(range(mask.numel()))
    w, s = weight.abs().flatten().tolist(), score.flatten().tolist()
    live = [p for p in places if mask.flatten()[p]]
    kept = sorted(live, key=lambda p: w[p])[count:]
    others = sorted((p for p in places if p not in kept), key=lambda p: -s[p])[:count]
    new = torch.zeros(mask.numel(), dtype=torch.bool)
    new[kept + others] = True
    return new.view_as(mask)

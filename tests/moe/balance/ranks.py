"""One of two processes that judge the balance of one batch together."""

import os
from pathlib import Path

import torch
from torch import Tensor
from torch import distributed as dist

from triptych.moe import Average, global_batch, micro_batch

from .losses import LOSSES, decided

LENGTH, WIDTH, EXPERTS = 4, 3, 5
AVERAGES: dict[str, Average] = {"global": global_batch, "micro": micro_batch}
# Tokens of rank 0, of all 20; whole sequences of 4.
SPLITS = {"even": 8, "uneven": 16, "all on one": 20}
Found = dict[tuple[str, str, str, bool], tuple[Tensor, Tensor]]


def batch() -> tuple[Tensor, Tensor, Tensor]:
    """Tokens that are not alike in the two parts, which of them are real, and the router."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20, WIDTH, generator=generator, dtype=torch.double)
    x[16:] += 2
    weight = torch.randn(WIDTH, EXPERTS, generator=generator, dtype=torch.double)
    return x, torch.rand(20, generator=generator) < 0.7, weight


def judged(name: str, average: Average, rows: slice, padded: bool) -> tuple[Tensor, Tensor]:
    """The loss of a part of the batch, and its gradient by the router's weight."""
    x, valid, weight = batch()
    weight.requires_grad_()
    part = x[rows]
    mask = valid[rows] if padded else None
    routing = decided(part @ weight, 2, mask, sequences=len(part) // LENGTH)
    loss = LOSSES[name](routing, average)
    if not loss.requires_grad:
        return loss, torch.zeros_like(weight)
    return loss.detach(), torch.autograd.grad(loss, weight)[0]


def rank(index: int, world: int, port: int, folder: str) -> None:
    """Writes the means over the ranks, as DDP takes them."""
    torch.set_num_threads(1)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    dist.init_process_group("gloo", rank=index, world_size=world)
    found: Found = {}
    try:
        for split, cut in SPLITS.items():
            rows = slice(0, cut) if index == 0 else slice(cut, 20)
            for kind, average in AVERAGES.items():
                for name in LOSSES:
                    for padded in (False, True):
                        parts = judged(name, average, rows, padded)
                        for part in parts:
                            dist.all_reduce(part)
                        found[name, kind, split, padded] = (parts[0] / world, parts[1] / world)
        torch.save(found, Path(folder, f"{index}.pt"))
    finally:
        dist.destroy_process_group()

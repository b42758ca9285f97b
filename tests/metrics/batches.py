"""Answers of a made-up classifier, and metrics of them on one process or several."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from triptych.metrics import ClassificationMetrics, LossAccuracy, RoutingMetrics
from triptych.moe import Routing

CLASSES, FAMILIES, EXPERTS = 4, 3, 5


def answers(samples: int, seed: int = 0, sharpness: float = 2.0) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (B, C), classes and families (B); right more often than not."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(CLASSES, (samples,), generator=generator)
    family = torch.randint(FAMILIES, (samples,), generator=generator)
    noise = torch.randn(samples, CLASSES, generator=generator)
    return sharpness * (F.one_hot(y, CLASSES) + noise), y, family


def losses(logits: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(logits, y, reduction="sum")


def classification(*batches: tuple[Tensor, Tensor, Tensor]) -> ClassificationMetrics:
    metrics = ClassificationMetrics(CLASSES, [f"family {g}" for g in range(FAMILIES)])
    for logits, y, family in batches:
        metrics.update(logits, y, family, losses(logits, y))
    return metrics


def everything(rows: slice) -> dict[str, Any]:
    """All metrics of a part of one data set, over all ranks where there are several."""
    logits, y, family = (part[rows] for part in answers(60))
    quality = classification((logits, y, family))
    pair = LossAccuracy()
    pair.update(losses(logits, y), (logits.argmax(1) == y).sum(), len(y))
    probs = torch.softmax(torch.randn(60, EXPERTS, generator=torch.Generator().manual_seed(1)), 1)
    gates, ids = probs[rows].topk(2, dim=1)
    routing = RoutingMetrics(EXPERTS, FAMILIES)
    kept = (torch.arange(120).view(60, 2) % 7 > 0)[rows]
    valid = (torch.arange(60) % 5 > 0)[rows]
    routing.update(Routing(ids, gates, probs[rows], probs[rows], kept=kept, valid=valid), family)
    return {
        "pair": pair.compute(),
        "scalars": quality.scalars(),
        "tables": quality.tables(),
        "routing": routing.compute(),
    }


def rank(index: int, world: int, port: int, folder: str) -> None:
    """One of several processes; the shards are of different size."""
    torch.set_num_threads(1)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.distributed.init_process_group("gloo", rank=index, world_size=world)
    try:
        found = everything([slice(0, 23), slice(23, 60)][index])
        Path(folder, f"{index}.json").write_text(json.dumps(found))
    finally:
        torch.distributed.destroy_process_group()


def routed(
    samples: int,
    experts: int,
    top_k: int,
    seed: int,
    padded: bool = False,
    choosy: bool = False,
    full: bool = False,
) -> Routing:
    """A random decision, with some of the masks."""
    generator = torch.Generator().manual_seed(seed)
    probs = torch.softmax(3 * torch.randn(samples, experts, generator=generator), dim=1)
    gates, ids = probs.topk(top_k, dim=1)
    valid, chosen, kept = (
        torch.rand(shape, generator=generator) < 0.6
        for shape in ((samples,), (samples, top_k), (samples, top_k))
    )
    return Routing(
        ids,
        gates,
        probs,
        probs.log(),
        valid=valid if padded else None,
        chosen=chosen if choosy else None,
        kept=kept if full else None,
    )

"""What a router does over a whole data split, for one MoE layer."""

from typing import Any, final

import torch
from torch import Tensor
from torchmetrics import Metric

from triptych.metrics.load import dead_experts, drop_rate, gini, max_load, normalised_entropy
from triptych.metrics.specialisation import normalised_mutual_information
from triptych.moe import Routing, count_ids

CONFIDENCE_BINS = 20


@final
class RoutingMetrics(Metric):
    """Sums of one layer's routing; all are reset with each evaluation and added up over ranks.

    Counts of chosen experts and soft probabilities are kept apart: they answer different
    questions, and the source study took one for the other. Padding counts nowhere.
    """

    full_state_update = False
    topk_by_family: Tensor
    executed: Tensor
    prob_by_family: Tensor
    samples_by_family: Tensor
    token_entropy: Tensor
    margin: Tensor
    confidence: Tensor

    def __init__(self, num_experts: int, families: int) -> None:
        super().__init__()
        shape = (families, num_experts)
        for name, zeros in {
            "topk_by_family": torch.zeros(shape, dtype=torch.long),
            "executed": torch.zeros(num_experts, dtype=torch.long),
            "prob_by_family": torch.zeros(shape, dtype=torch.double),
            "samples_by_family": torch.zeros(families, dtype=torch.long),
            "token_entropy": torch.zeros((), dtype=torch.double),
            "margin": torch.zeros((), dtype=torch.double),
            "confidence": torch.zeros(CONFIDENCE_BINS, dtype=torch.long),
        }.items():
            self.add_state(name, zeros, dist_reduce_fx="sum")

    def update(self, routing: Routing, family: Tensor) -> None:
        """Adds a batch: its routing and the family of each sample, (B)."""
        families, experts = self.topk_by_family.shape
        cell = family[:, None] * experts + routing.experts
        routes = count_ids(cell, routing.counted(), families * experts)
        self.topk_by_family += routes.view(families, experts)
        self.executed += routing.executed_load()
        probs = routing.probs.detach().double()
        if routing.valid is not None:
            probs, family = probs[routing.valid], family[routing.valid]
        self.prob_by_family.index_add_(0, family, probs)
        self.samples_by_family += torch.bincount(family, minlength=families)
        self.token_entropy += torch.special.entr(probs).sum()
        best = probs.topk(min(2, experts), dim=1).values
        self.margin += (best[:, 0] - best[:, 1:].sum(dim=1)).sum()  # a single expert has no rival
        # From 0 on, because no number becomes a negative one where a net has diverged.
        largest = (best[:, 0] * CONFIDENCE_BINS).long().clamp(0, CONFIDENCE_BINS - 1)
        self.confidence += torch.bincount(largest, minlength=CONFIDENCE_BINS)

    def compute(self) -> dict[str, Any]:
        """Over all ranks: `scalars` (load, before any drop, and specialisation), `share` of
        samples that each expert worked on (sums to K where none was dropped) and `table` (load,
        family tables and the confidence histogram as lists)."""
        load = self.topk_by_family.sum(dim=0)
        samples = max(int(self.samples_by_family.sum()), 1)
        scalars = {
            "load_gini": gini(load),
            "load_entropy": normalised_entropy(load),
            "max_load": max_load(load),
            "dead_experts": float(dead_experts(load)),
            "drop_rate": drop_rate(load, self.executed),
            "token_entropy": float(self.token_entropy) / samples,
            "margin": float(self.margin) / samples,
            "nmi": normalised_mutual_information(self.topk_by_family),
            "nmi_soft": normalised_mutual_information(self.prob_by_family),
        }
        mean_probs = self.prob_by_family / self.samples_by_family.clamp(min=1)[:, None]
        table = {
            "load": load.tolist(),
            "topk_by_family": self.topk_by_family.tolist(),
            "prob_by_family": mean_probs.tolist(),
            "confidence": self.confidence.tolist(),
        }
        share = (self.executed.double() / samples).tolist()
        return {"scalars": scalars, "share": share, "table": table}

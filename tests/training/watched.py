"""A mixture whose routers balance themselves by taking notes, and nothing more."""

from functools import partial
from typing import Any, final

import torch
from torch import Tensor

from triptych.models import MoEPanel, Residual
from triptych.moe import (
    Dropless,
    Routing,
    SelfBalancing,
    StackedMLP,
    TopKRouter,
    global_batch,
    loop_dispatch,
    switch_loss,
)
from triptych.training import ClassifierModule, MoEModule


@final
class Watched(TopKRouter, SelfBalancing):
    """Softmax and top k; notes what it decided in training, and what it was told."""

    def __init__(self, d_in: int, num_experts: int, top_k: int) -> None:
        super().__init__(d_in, num_experts, top_k=top_k)
        self.decided: list[Tensor] = []
        self.told: list[Tensor] = []

    def decide(self, x: Tensor, logits: Tensor, valid: Tensor | None) -> Routing:
        probs = torch.softmax(logits, dim=1)
        gates, experts = probs.topk(self.top_k, dim=1)
        routing = Routing(experts, gates, probs, logits)
        if self.training:
            self.decided.append(routing.load())
        return routing

    def rebalance(self, load: Tensor) -> None:
        self.told.append(load.clone())


def watched(like: ClassifierModule, **changes: Any) -> MoEModule:
    """A small module with such routers, and otherwise like `like`."""
    torch.manual_seed(0)
    panel = MoEPanel(
        num_experts=4,
        router=partial(Watched, top_k=2),
        capacity=Dropless,
        experts=partial(StackedMLP, d_hidden=8, dropout=changes.pop("dropout", 0.0)),
        dispatch=loop_dispatch,
        shared=None,
    )
    settings = {
        "network": Residual(panel, 32, 4, d_model=8, depth=2),
        "optimizer": partial(torch.optim.SGD, lr=0.5),
        "scheduler": partial(torch.optim.lr_scheduler.LambdaLR, lr_lambda=lambda epoch: 1.0),
        "classes": like.classes,
        "families": like.families,
        "seed": 0,
        "balance": switch_loss,
        "balance_coef": 5.0,
        "z_coef": 0.5,
        "statistics": global_batch,
    }
    return MoEModule(**(settings | changes))


def routers(module: MoEModule) -> list[Watched]:
    return [layer for layer in module.modules() if isinstance(layer, Watched)]

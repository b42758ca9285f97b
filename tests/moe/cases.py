"""Layers of random shape, and what comes out of them, for the tests of this folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from hydra.utils import get_object
from hypothesis import strategies as st
from omegaconf import OmegaConf
from torch import Tensor

from triptych.moe import (
    ExpertBank,
    LinearScores,
    MLPScores,
    MoE,
    Routing,
    SoftmaxTopK,
    Specialists,
    StackedMLP,
    TopKRouter,
    loop_dispatch,
)
from triptych.types import Cost

from ..composed import CONF

BANKS: tuple[type[StackedMLP] | type[Specialists], ...] = (StackedMLP, Specialists)


@dataclass(frozen=True)
class Shape:
    tokens: int
    width: int
    out: int
    hidden: int
    experts: int
    top_k: int
    seed: int


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    experts = draw(st.integers(1, 6))
    return Shape(
        tokens=draw(st.integers(0, 9)),
        width=draw(st.integers(1, 5)),
        out=draw(st.integers(1, 4)),
        hidden=draw(st.integers(2, 6)),
        experts=experts,
        top_k=draw(st.integers(1, experts)),
        seed=draw(st.integers(0, 1000)),
    )


def layer(
    shape: Shape,
    bank: Callable[..., ExpertBank] = StackedMLP,
    dispatch: Callable[[Tensor, Routing, ExpertBank], Tensor] = loop_dispatch,
    scores: Callable[[int, int], Any] = LinearScores,
    dropout: float = 0.0,
) -> MoE:
    """In double precision; random scores are spread out, so that routes are uneven.

    Biases are random too: at 0 a dead hidden layer would put the next ReLU exactly on its kink.
    """
    torch.manual_seed(shape.seed)
    router = SoftmaxTopK(shape.width, shape.experts, top_k=shape.top_k, scores=scores)
    experts = bank(shape.experts, shape.width, shape.out, d_hidden=shape.hidden, dropout=dropout)
    made = MoE(router, experts, dispatch).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return made


def mlp_scores(d_in: int, num_experts: int) -> MLPScores:
    return MLPScores(d_in, num_experts, hidden=5, dropout=0.3)


def tokens(shape: Shape) -> Tensor:
    generator = torch.Generator().manual_seed(shape.seed)
    return torch.randn(shape.tokens, shape.width, generator=generator, dtype=torch.double)


def routing(experts: Sequence[Sequence[int]], probs: Tensor) -> Routing:
    """A decision that is given by hand; gates as a top-k router makes them."""
    ids = torch.tensor(experts)
    gates = probs.gather(1, ids)
    if ids.shape[1] > 1:
        gates = gates / gates.sum(dim=1, keepdim=True)
    return Routing(experts=ids, gates=gates, probs=probs, logits=probs.log())


class Probe(ExpertBank):
    """Expert e adds e to its rows; notes how many rows each call brought to each expert."""

    def __init__(self, experts: int) -> None:
        super().__init__()
        self.experts = experts
        self.calls: list[list[int]] = []

    def each(self) -> list[Callable[[Tensor], Tensor]]:
        self.calls.append([0] * self.experts)
        return [partial(self._one, expert) for expert in range(self.experts)]

    def _one(self, expert: int, rows: Tensor) -> Tensor:
        self.calls[-1][expert] += len(rows)
        return rows + expert

    def costs(self) -> list[Cost]:
        return [Cost()] * self.experts


def reading_logits(router: TopKRouter) -> TopKRouter:
    """The router with scores that are its input: tokens (T, E) are the logits."""
    assert isinstance(router.scores, LinearScores)
    with torch.no_grad():
        router.scores.linear.weight.copy_(torch.eye(len(router.scores.linear.weight)))
    return router.double()


def rows(*values: Sequence[float]) -> Tensor:
    """Tokens by hand, in double precision."""
    return torch.tensor(values, dtype=torch.double)


DISPATCHES: dict[str, Callable[[Tensor, Routing, ExpertBank], Tensor]] = {
    file.stem: get_object(OmegaConf.load(file)["_target_"])
    for file in sorted((CONF / "model" / "dispatch").glob("*.yaml"))
}
"""Every dispatch that a user can name: a new one is tested by being there."""

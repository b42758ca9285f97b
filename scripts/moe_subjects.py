"""What `bench_moe.py` and `bench_moe_gpu.py` time of ours: one layer with each dispatch, and the
dense network beside it.

A `Work` is one forward and one backward pass with all gradients: of the input, of the router and
of the experts.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median

import torch
from bench_rounds import Clock
from torch import Tensor
from torch.nn import functional as F

from triptych.errors import IncompatibleSettings
from triptych.moe import (
    Dispatch,
    MoE,
    Router,
    SoftmaxTopK,
    StackedMLP,
    SwiGLU,
    auto_dispatch,
    auto_softmax_topk,
    fused_dispatch,
    fused_softmax_topk,
    grouped_dispatch,
    loop_dispatch,
    padded_dispatch,
    triton_dispatch,
)
from triptych.moe.native.operator import operator_or_none

CHUNKS = (256, 512, 1024)


@dataclass(frozen=True)
class Variant:
    """One way to compute the same layer.

    Attributes:
        dispatch: how rows travel.
        router: makes the router from (D, E, top_k=K).
    """

    dispatch: Dispatch
    router: Callable[..., Router] = SoftmaxTopK


VARIANTS = {
    "loop": Variant(loop_dispatch),
    "padded": Variant(padded_dispatch),
    "grouped": Variant(grouped_dispatch),
    "fused": Variant(fused_dispatch, partial(SoftmaxTopK, select=fused_softmax_topk)),
    "auto": Variant(auto_dispatch, partial(SoftmaxTopK, select=auto_softmax_topk)),
}


@dataclass(frozen=True)
class Shape:
    """One layer and its batch.

    Attributes:
        tokens: T.
        width: D, in and out.
        hidden: F of one expert.
        experts: E.
        top_k: K.
        dtype: of the input and the weights.
        device: where all of it lies.
        skew: load of the fullest expert over the mean; None leaves it as it comes, nearly even.
    """

    tokens: int
    width: int
    hidden: int
    experts: int
    top_k: int
    dtype: torch.dtype = torch.float32
    device: str = "cpu"
    skew: float | None = None

    def __str__(self) -> str:
        size = f"d={self.width} h={self.hidden} E={self.experts} k={self.top_k} T={self.tokens}"
        dtype = str(self.dtype).removeprefix("torch.")
        skew = "" if self.skew is None else f", fullest expert {self.skew:g} x mean"
        return f"{size}, {dtype}{skew}"


@dataclass(frozen=True)
class Work:
    """A network with what goes into it from both ends.

    Attributes:
        forward: (T, D) -> (T, D).
        parameters: all that get a gradient.
        x: the input (T, D); it gets a gradient too.
        above: the gradient of the output.
    """

    forward: Callable[[Tensor], Tensor]
    parameters: Sequence[Tensor]
    x: Tensor = field(repr=False)
    above: Tensor = field(repr=False)

    def run(self) -> tuple[Tensor, ...]:
        """Forward and backward; the gradients of x and of the parameters."""
        return self.backward(self.forward(self.x))

    def backward(self, y: Tensor) -> tuple[Tensor, ...]:
        """The gradients of x and of the parameters."""
        # Some peers keep experts apart, and one without tokens has no gradient.
        wanted = [self.x, *self.parameters]
        return torch.autograd.grad(y, wanted, self.above, allow_unused=True)


Timer = Callable[[Work, Clock], float]


def seconds(work: Work, clock: Clock) -> float:
    """Time of forward and backward."""
    start = clock()
    work.run()
    return clock() - start


def backward_seconds(work: Work, clock: Clock) -> float:
    """Time of backward alone."""
    y = work.forward(work.x)
    start = clock()
    work.backward(y)
    return clock() - start


def batch(shape: Shape) -> tuple[Tensor, Tensor]:
    """The input, first feature always 1, and the gradient of the output."""
    generator = torch.Generator(shape.device).manual_seed(1)
    size = 2, shape.tokens, shape.width
    x, above = torch.randn(size, generator=generator, device=shape.device).to(shape.dtype)
    x[:, 0] = 1
    return x.requires_grad_(), above


def layer(shape: Shape) -> MoE:
    """Our layer, with the first expert made as popular as `skew` says."""
    torch.manual_seed(0)
    with torch.device(shape.device):  # billions of numbers take long on a CPU
        router = SoftmaxTopK(shape.width, shape.experts, top_k=shape.top_k)
        experts = StackedMLP(
            shape.experts,
            shape.width,
            shape.width,
            d_hidden=shape.hidden,
            activation=SwiGLU,
            bias=False,
        )
    moe = MoE(router, experts).to(shape.dtype)
    (scores,) = moe.router.parameters()
    with torch.no_grad():
        scores[:, 0] = 0
        if shape.skew is not None:
            skew(moe, batch(shape)[0], scores, shape.skew)
    return moe


def skew(moe: MoE, x: Tensor, scores: Tensor, goal: float) -> None:
    """Finds by bisection how much the first expert must be preferred for that load over mean."""
    low, high = 0.0, 100.0
    for _ in range(30):
        scores[0, 0] = (low + high) / 2
        load = moe.router(x).load()
        if load[0] * len(load) < goal * load.sum():
            low = (low + high) / 2
        else:
            high = (low + high) / 2


def ours(shape: Shape, moe: MoE) -> dict[str, Work]:
    """The same layer in each way that takes it."""
    works = {name: work(shape, like(moe, shape, way)) for name, way in variants(shape).items()}
    return {name: candidate for name, candidate in works.items() if runs(candidate)}


def variants(shape: Shape) -> dict[str, Variant]:
    """All, less the fused one where it cannot be compiled: it would be the loop by another name."""
    if shape.device != "cpu":
        others = {name: way for name, way in VARIANTS.items() if name != "fused"}
        return others | {"triton": Variant(triton_dispatch)}
    compiled = operator_or_none() is not None
    return {name: way for name, way in VARIANTS.items() if compiled or name != "fused"}


def like(moe: MoE, shape: Shape, way: Variant) -> MoE:
    """The same layer another way; it shares the experts."""
    router = way.router(shape.width, shape.experts, top_k=shape.top_k)
    router.load_state_dict(moe.router.state_dict())
    return MoE(router.to(shape.device, shape.dtype), moe.experts, way.dispatch)


def runs(work: Work) -> bool:
    """Whether the dispatch takes this precision and these widths."""
    try:
        work.run()
    except IncompatibleSettings:
        return False
    return True


def work(shape: Shape, moe: MoE) -> Work:
    """One pass of our layer."""
    return Work(lambda x: moe(x)[0], list(moe.parameters()), *batch(shape))


def dense(shape: Shape, rows: int) -> Work:
    """A SwiGLU network of K * F hidden units: the FLOPs that each token meets, without a router.

    Args:
        rows: how many go through both layers before the next do; results do not depend on it.
    """
    hidden = shape.top_k * shape.hidden
    generator = torch.Generator(shape.device).manual_seed(2)
    with torch.device(shape.device):
        up = torch.randn(2 * hidden, shape.width, generator=generator) * shape.width**-0.5
        down = torch.randn(shape.width, hidden, generator=generator) * hidden**-0.5
    parameters = [v.to(shape.dtype).requires_grad_() for v in (up, down)]
    activation = SwiGLU()

    def forward(x: Tensor) -> Tensor:
        up, down = parameters
        if rows >= len(x):
            return F.linear(activation(F.linear(x, up)), down)
        parts = (F.linear(activation(F.linear(part, up)), down) for part in x.split(rows))
        return torch.cat(list(parts))

    return Work(forward, parameters, *batch(shape))


def best_dense(shape: Shape, tries: int) -> tuple[int, Work]:
    """The number of rows at a time that is fastest here, and the network that takes them so."""
    rows = [shape.tokens, *(r for r in CHUNKS if r < shape.tokens)]
    works = {r: dense(shape, r) for r in rows}
    taken: dict[int, list[float]] = {r: [] for r in rows}
    for _ in range(tries + 1):
        for r, candidate in works.items():
            taken[r].append(seconds(candidate, time.process_time))
    best = min(rows, key=lambda r: median(taken[r][1:]))
    return best, works[best]

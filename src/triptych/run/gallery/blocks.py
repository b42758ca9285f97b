"""Feed-forward blocks of equal active size, to be counted and timed."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from triptych.cost import declared_cost, side_by_side
from triptych.dense import MLP
from triptych.models import DensePanel, MoEPanel, Panel, SparsePanel
from triptych.moe import Dropless, SoftmaxTopK, StackedMLP, auto_dispatch
from triptych.report.gallery import Count, Timing
from triptych.sparse import (
    CSRLinear,
    MaskedLinear,
    SparseLinear,
    live_weights,
    uniform_masks,
)

SPARSITY, EXPERTS, TOP_K, TIMES = 0.9, 8, 2, 4
ROWS = 64
WHAT = (
    f"d - {TIMES} d - d: dense; sparse with {SPARSITY:.0%} of its weights left out; {EXPERTS} "
    f"experts with {TIMES // TOP_K} d hidden units, of which {TOP_K} work on a sample"
)


def counts(widths: Sequence[int]) -> list[Count]:
    """The blocks of each width; no weight takes memory.

    Dense and MoE blocks are built on the meta device. A sparse layer keeps exactly
    `live_weights(...)` weights, whichever they are, so its mask need not be drawn.
    """
    found: list[Count] = []
    with torch.device("meta"):
        for name, panel in {"ffn": dense, "moe": experts}.items():
            for d in widths:
                cost = declared_cost(panel(d).block(d, "block"))
                found.append(Count(name, d, cost.params_total, cost.params_active))
    for d in widths:
        left = 2 * live_weights(TIMES * d * d, SPARSITY) + TIMES * d + d
        found.append(Count("sparse", d, left, left))
    order = {"ffn": 0, "sparse": 1, "moe": 2}
    return sorted(found, key=lambda count: (order[count.subject], count.width))


def slide_counts(sizes: Sequence[int]) -> list[Count]:
    """The slides' dense net d - d/2 - d/2 - 10 at each d, on the meta device."""
    found: list[Count] = []
    with torch.device("meta"):
        for d in sizes:
            half = d // 2
            layers = [nn.Linear(d, half), nn.Linear(half, half), nn.Linear(half, 10)]
            cost = declared_cost(MLP(layers, nn.ReLU, [0.0, 0.0]))
            found.append(Count("dense", d, cost.params_total, cost.params_active))
    return found


def timings(widths: Sequence[int], rounds: int) -> list[Timing]:
    """Forward passes of `ROWS` samples through each block, timed in `rounds` rounds."""
    generator = torch.Generator().manual_seed(0)
    found: list[Timing] = []
    for d in widths:
        x = torch.randn(ROWS, d, generator=generator)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            blocks = {name: panel(d).block(d, "block").eval() for name, panel in TIMED.items()}
        calls = {name: _call(block, x) for name, block in blocks.items()}
        found += [Timing(name, d, seconds) for name, seconds in side_by_side(calls, rounds).items()]
    return found


def dense(d: int) -> Panel:
    """All weights."""
    return DensePanel(TIMES * d, dropout=0.0)


def sparse(d: int, kernel: Callable[[Tensor], SparseLinear]) -> Panel:
    """Few of them."""
    return SparsePanel(TIMES * d, 0.0, SPARSITY, uniform_masks, kernel, seed=0)


def experts(d: int) -> Panel:
    """As many active ones as the dense block has, and a router."""
    router = partial(SoftmaxTopK, top_k=TOP_K)
    bank = partial(StackedMLP, d_hidden=TIMES // TOP_K * d)
    return MoEPanel(EXPERTS, router, Dropless, bank, partial(auto_dispatch), shared=None)


TIMED: Mapping[str, Callable[[int], Panel]] = {
    "ffn": dense,
    "sparse, masked": partial(sparse, kernel=MaskedLinear),
    "sparse, csr": partial(sparse, kernel=CSRLinear),
    "moe": experts,
}


def _call(block: nn.Module, x: Tensor) -> Callable[[], object]:
    def forward() -> object:
        with torch.no_grad():
            return block(x)

    return forward

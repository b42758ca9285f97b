"""Times our sparse kernels against a dense layer of the same size, and against other ways.

Usage: python scripts/bench_sparse.py [--quick] [--out FILE.json]

A ratio is the time of dense over the time of the kernel: above 1 the kernel is faster. With 1
thread times are CPU seconds of the process, which other work disturbs least; with 2 threads they
are wall seconds, because a thread that waits costs no CPU. All subjects of a case take turns in
random order.
"""

import gc
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import torch
from bench_format import FEWEST_ROUNDS, Row, arguments, median_interval, publish
from bench_rounds import Clock, interleaved, ratios
from sparse_peers import TorchCSR, absences, forward_peers, packages, trained_peers
from sparse_steps import forward, step
from torch import Tensor, nn

from triptych.sparse import (
    BlockLinear,
    CSRLinear,
    MaskedLinear,
    SparseLinear,
    block_masks,
    uniform_mask,
)
from triptych.sparse.native.operator import product_if_built

ROUNDS = 30
ROUNDS_OF_TWO = 10  # with 2 threads: to be seen beside, without goals
BLOCK = 64
Goals = dict[str, float]
GOALS: dict[float, tuple[Goals, Goals]] = {
    0.7: ({}, {"block": 1.0}),
    0.8: ({"block": 1.7}, {"block": 1.9}),
    0.83: ({}, {"csr": 1.0}),
    0.9: ({"csr": 2.5, "block": 3.9}, {"csr": 1.7, "block": 3.8}),
    0.95: ({"csr": 5.0}, {"csr": 3.4}),
    0.99: ({"csr": 11.0}, {"csr": 8.0}),
}
"""Sparsity -> ratios to reach forward, and forward and backward."""
OF_TWO = (0.9, 0.95)  # sparsities that are also timed with 2 threads


@dataclass(frozen=True)
class Size:
    """How large: a layer `width` x `width`, and samples at a time."""

    width: int
    batch: int


@dataclass(frozen=True)
class Plan:
    """How to measure.

    Attributes:
        threads: of torch.
        rounds: timings of each subject.
        size: of the layer alone.
    """

    threads: int
    rounds: int
    size: Size

    @property
    def clock(self) -> Clock:
        """CPU time for one thread; for more, what one waits for."""
        return time.process_time if self.threads == 1 else time.perf_counter

    @property
    def block(self) -> int:
        """The width of a block."""
        return min(BLOCK, self.size.width // 4)

    def shortest(self, seconds: float) -> float:
        """Seconds that one timing lasts at least; 0 for a quick look."""
        return 0.0 if self.rounds == FEWEST_ROUNDS else seconds

    def goal(self, goals: Goals, subject: str) -> float | None:
        """Goals are for one thread; those of blocks do not name their width."""
        return goals.get(subject.split()[0]) if self.threads == 1 else None

    def where(self, what: str) -> str:
        """The end of the first cell of a row."""
        return f"{what}; {self.threads} thread{'s' if self.threads > 1 else ''}"


def kernels(d_out: int, d_in: int, sparsity: float, block: int) -> dict[str, SparseLinear]:
    """Our kernels at one sparsity, on masks that each can take."""
    generator = torch.Generator().manual_seed(0)
    scattered = uniform_mask(d_out, d_in, sparsity, generator)
    (blocks,) = block_masks([(d_out, d_in)], sparsity, [generator], block=block)
    return {
        "masked": MaskedLinear(scattered),
        "csr": CSRLinear(scattered),
        f"block {block}": BlockLinear(blocks, block=block),
    }


def seconds(work: Callable[[], object], clock: Clock) -> Callable[[], float]:
    """Times one call."""

    def timed() -> float:
        start = clock()
        work()
        return clock() - start

    return timed


def both(layer: Any, x: Tensor) -> Callable[[], object]:
    """Forward and backward, with the gradients of the input and of all weights."""
    x, grad = x.clone().requires_grad_(), torch.randn(len(x), x.shape[1])

    def run() -> None:
        x.grad = None
        layer.zero_grad(set_to_none=True)
        if isinstance(layer, TorchCSR):
            layer.weight.grad = None
        layer(x).backward(grad)

    return run


def rows_of(
    plan: Plan, case: str, works: dict[str, Callable[[], object]], goals: Goals, shortest: float
) -> list[Row]:
    """Dense over each subject."""
    print(f"{case} ...", file=sys.stderr, flush=True)
    timers = {name: seconds(work, plan.clock) for name, work in works.items()}
    times = interleaved(timers, plan.rounds, "dense", plan.shortest(shortest))
    gc.collect()
    rows = []
    for name in works:
        if name != "dense":
            interval = median_interval(ratios(times, "dense", name))
            rows.append(Row(case, "dense", name, *interval, plan.goal(goals, name), "higher"))
    return rows


def one_layer(plan: Plan, sparsity: float) -> list[Row]:
    """Forward alone, and with backward, at one sparsity."""
    width, batch = plan.size.width, plan.size.batch
    ours = kernels(width, width, sparsity, plan.block)
    dense, x = nn.Linear(width, width), torch.randn(batch, width)
    layers: dict[str, Any] = {"dense": dense, **ours, **trained_peers(ours["csr"])}
    where = plan.where(f"{width} x {width}, B={batch}, {sparsity:.0%} sparse")
    passes = layers | forward_peers(ours["csr"])
    goals = GOALS[sparsity]
    return [
        *rows_of(
            plan, f"forward: {where}", {k: forward(v, x) for k, v in passes.items()}, goals[0], 0.02
        ),
        *rows_of(
            plan,
            f"forward + backward: {where}",
            {k: both(v, x) for k, v in layers.items()},
            goals[1],
            0.02,
        ),
    ]


def one_sample(plan: Plan) -> list[Row]:
    """Inference of a single sample."""
    width = plan.size.width
    layer, x = kernels(width, width, 0.95, plan.block)["csr"], torch.randn(1, width)
    works = {"dense": forward(nn.Linear(width, width), x), "csr": forward(layer, x)}
    case = plan.where(f"inference: {width} x {width}, B=1, 95% sparse")
    return rows_of(plan, case, works, {"csr": 10.0}, 0.05)


def whole_step(plan: Plan) -> list[Row]:
    """A feed-forward network, width -> 4 width -> width, with its optimizer; time and memory."""
    width, batch, block = (
        plan.size.width // 4,
        plan.size.batch // 2,
        min(BLOCK, plan.size.width // 16),
    )
    up, down = kernels(4 * width, width, 0.95, block), kernels(width, 4 * width, 0.95, block)
    dense = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
    nets = {"dense": dense} | {key: nn.Sequential(up[key], nn.GELU(), down[key]) for key in up}
    x = torch.randn(batch, width)
    case = plan.where(f"train step: {width} - {4 * width} - {width}, AdamW, B={batch}, 95% sparse")
    goals = {"csr": 2.5, "block": 6.8}
    rows = rows_of(plan, case, {k: step(n, x) for k, n in nets.items()}, goals, 0.0)
    if plan.threads > 1:
        return rows
    held = {key: 3 * sum(p.numel() for p in net.parameters()) for key, net in nets.items()}
    for key in ("csr", f"block {block}"):
        share = held[key] / held["dense"]
        memory = "numbers held: parameters and AdamW's state, counted"
        rows.append(Row(memory, key, "dense", share, share, share, 0.06))
    return rows


def measure(plan: Plan) -> list[Row]:
    """All rows with so many threads; in a process of its own, as threads are set once."""
    torch.set_num_threads(plan.threads)
    gc.disable()
    sparsities = GOALS if plan.threads == 1 else OF_TWO
    rows = [row for sparsity in sparsities for row in one_layer(plan, sparsity)]
    return rows + one_sample(plan) + whole_step(plan)


def alone(plan: Plan) -> list[Row]:
    """Measures in a fresh process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measure, plan).result()


def _blocks() -> str:
    """Which product of blocks was timed."""
    if product_if_built() is None:
        return "block: the loop in Python; `make native` compiles a faster one."
    return "block: the product that `make native` has compiled."


def main() -> None:
    """Measures, prints and, if asked, writes."""
    options = arguments(__doc__)
    size = Size(128, 16) if options.quick else Size(4096, 512)
    rounds = FEWEST_ROUNDS if options.quick else ROUNDS
    rows = alone(Plan(1, rounds, size)) + alone(Plan(2, min(rounds, ROUNDS_OF_TWO), size))
    notes = [
        "A ratio is dense over kernel: above 1 the kernel is faster. The masked kernel is the"
        " reference, and never is. What limits csr is memory traffic: inputs are read once per"
        " weight, from the cache of a core.",
        "Tried for csr, without gain (LOG.md): C++ with the batch in registers and columns in the"
        " first cache, other tiles of samples. One sample: both sides wait for memory, 67 MB"
        " against 6.7, so that 10 is what 32-bit indices allow.",
        "The block step is 300 small products a step; GELU, the loss and the optimizer are beside.",
        _blocks(),
        "torch csr: torch.sparse.mm with its own gradients. scipy csr: forward alone.",
        f"1 thread: CPU seconds, {rounds} rounds. 2 threads: wall seconds, fewer rounds, no goals.",
        *absences(),
        "Nothing here is of a GPU: see bench_sparse_gpu.py.",
    ]
    publish("sparse", rows, options.out, notes, packages())


if __name__ == "__main__":
    main()

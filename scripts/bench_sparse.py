"""Times our sparse kernels against a dense layer of the same size, and against other ways.

Usage: python scripts/bench_sparse.py [--quick] [--out FILE.json]

A ratio is the time of dense over the time of the kernel: above 1 the kernel is faster. One thread,
CPU seconds of the process; all subjects of a case take turns in random order.
"""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from bench_format import FEWEST_ROUNDS, Row, arguments, median_interval, publish
from bench_rounds import interleaved, ratios
from torch import Tensor, nn

from triptych.sparse import (
    BlockLinear,
    CSRLinear,
    MaskedLinear,
    SparseLinear,
    block_masks,
    uniform_mask,
)

ROUNDS = 30
BLOCK = 64
Goals = dict[str, float]


@dataclass(frozen=True)
class Size:
    """How large: a layer `width` x `width`, and samples at a time."""

    width: int
    batch: int


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


class TorchCSR(nn.Module):
    """What PyTorch offers: a matrix in compressed rows, multiplied by `torch.sparse.mm`."""

    def __init__(self, like: SparseLinear) -> None:
        super().__init__()
        self.weight = like.matrix().to_sparse_csr().requires_grad_()

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> (B, O)."""
        return torch.sparse.mm(self.weight, x.t()).t()


class ScipyCSR(nn.Module):
    """SciPy's compressed rows; without gradients."""

    def __init__(self, like: SparseLinear) -> None:
        super().__init__()
        from scipy.sparse import csr_array

        self.weight = csr_array(like.matrix().numpy())

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> (B, O)."""
        return torch.from_numpy((self.weight @ x.t().numpy()).T)


def seconds(work: Callable[[], object]) -> Callable[[], float]:
    """Times one call."""

    def timed() -> float:
        start = time.process_time()
        work()
        return time.process_time() - start

    return timed


def forward(layer: Any, x: Tensor) -> Callable[[], object]:
    """One pass without gradients."""

    @torch.no_grad()
    def run() -> object:
        return layer(x)

    return run


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


def step(net: nn.Module, x: Tensor) -> Callable[[], object]:
    """Forward, backward and AdamW."""
    optimizer = torch.optim.AdamW(net.parameters(), fused=True)

    def run() -> None:
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()

    return run


def rows_of(
    case: str, works: dict[str, Callable[[], object]], goals: Goals, rounds: int, shortest: float
) -> list[Row]:
    """Dense over each subject."""
    timers = {name: seconds(work) for name, work in works.items()}
    times = interleaved(timers, rounds, "dense", shortest)
    gc.collect()
    return [
        Row(
            case,
            "dense",
            name,
            *median_interval(ratios(times, "dense", name)),
            goals.get(name),
            "higher",
        )
        for name in works
        if name != "dense"
    ]


def one_layer(size: Size, sparsity: float, goals: tuple[Goals, Goals], rounds: int) -> list[Row]:
    """Forward alone, and with backward, at one sparsity."""
    ours = kernels(size.width, size.width, sparsity, min(BLOCK, size.width // 4))
    dense, x = nn.Linear(size.width, size.width), torch.randn(size.batch, size.width)
    layers: dict[str, nn.Module] = {"dense": dense, **ours, "torch csr": TorchCSR(ours["csr"])}
    where = f"{size.width} x {size.width}, B={size.batch}, {sparsity:.0%} sparse; 1 thread"
    passes = {key: forward(layer, x) for key, layer in layers.items()}
    passes["scipy csr"] = forward(ScipyCSR(ours["csr"]), x)
    training = {key: both(layer, x) for key, layer in layers.items()}
    shortest = 0.0 if rounds < ROUNDS else 0.02
    return [
        *rows_of(f"forward: {where}", passes, goals[0], rounds, shortest),
        *rows_of(f"forward + backward: {where}", training, goals[1], rounds, shortest),
    ]


def one_sample(size: Size, rounds: int) -> list[Row]:
    """Inference of a single sample."""
    layer = kernels(size.width, size.width, 0.95, min(BLOCK, size.width // 4))["csr"]
    x = torch.randn(1, size.width)
    works = {"dense": forward(nn.Linear(size.width, size.width), x), "csr": forward(layer, x)}
    case = f"inference: {size.width} x {size.width}, B=1, 95% sparse; 1 thread"
    return rows_of(case, works, {"csr": 10.0}, rounds, 0.0 if rounds < ROUNDS else 0.05)


def whole_step(width: int, batch: int, rounds: int) -> list[Row]:
    """A feed-forward network, width -> 4 width -> width, with its optimizer; time and memory."""
    block = min(BLOCK, width // 4)
    up, down = kernels(4 * width, width, 0.95, block), kernels(width, 4 * width, 0.95, block)
    dense = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
    nets = {"dense": dense} | {key: nn.Sequential(up[key], nn.GELU(), down[key]) for key in up}
    x = torch.randn(batch, width)
    case = f"train step: {width} - {4 * width} - {width}, AdamW, B={batch}, 95% sparse; 1 thread"
    goals = {"csr": 2.5, f"block {block}": 6.8}
    rows = rows_of(case, {k: step(n, x) for k, n in nets.items()}, goals, rounds, 0.0)
    held = {key: 3 * sum(p.numel() for p in net.parameters()) for key, net in nets.items()}
    for key in ("csr", f"block {block}"):
        share = held[key] / held["dense"]
        memory = "numbers held: parameters and AdamW's state, counted"
        rows.append(Row(memory, key, "dense", share, share, share, 0.06))
    return rows


def main() -> None:
    """Measures, prints and, if asked, writes."""
    options = arguments(__doc__)
    torch.set_num_threads(1)
    gc.disable()
    size = Size(128, 16) if options.quick else Size(4096, 512)
    rounds = FEWEST_ROUNDS if options.quick else ROUNDS
    block = f"block {min(BLOCK, size.width // 4)}"
    plan: dict[float, tuple[Goals, Goals]] = {
        0.8: ({block: 1.7}, {block: 1.9}),
        0.83: ({}, {"csr": 1.0}),
        0.9: ({"csr": 2.5, block: 3.9}, {"csr": 1.7, block: 3.8}),
        0.95: ({"csr": 5.0}, {"csr": 3.4}),
        0.99: ({"csr": 11.0}, {"csr": 8.0}),
    }
    rows = [
        row for sparsity, goals in plan.items() for row in one_layer(size, sparsity, goals, rounds)
    ]
    rows += one_sample(size, rounds)
    rows += whole_step(size.width // 4, size.batch // 2, rounds)
    notes = [
        "A ratio is dense over kernel: above 1 the kernel is faster. The masked kernel is the"
        " reference, and never is. What limits csr is memory traffic: inputs are read once per"
        " weight, from the cache of a core.",
        "torch csr: torch.sparse.mm with its own gradients. scipy csr: forward alone.",
        "No GPU was at hand: nothing is claimed of it.",
    ]
    publish("sparse", rows, options.out, notes, ["scipy"])


if __name__ == "__main__":
    main()

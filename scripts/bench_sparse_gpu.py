"""Times 2:4 and block sparsity on a GPU against dense layers of the same size, in half precision.

Usage: python scripts/bench_sparse_gpu.py [--quick] [--out FILE.json]

A ratio is the time of dense over the time of the subject: above 1 the subject is faster. Times are
of steps that follow each other, by CUDA events; all subjects of a case take turns in random order.
"""

import copy
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from bench_device import in_a_row, need_gpu
from bench_format import FEWEST_ROUNDS, Row, arguments, median_interval, publish
from bench_rounds import SLOW, interleaved, ratios
from sparse_steps import forward, step
from torch import Tensor, nn
from torch.nn import functional as F

from triptych.sparse import (
    BlockLinear,
    MaskedLinear,
    SemiStructuredLinear,
    SparseLinear,
    block_masks,
    two_four_masks,
)
from triptych.sparse.kernels.semi_structured import TWO_FOUR
from triptych.sparse.kernels.two_four import Algorithms, packed_once, times

ROUNDS = 30
HALF = torch.bfloat16
BLOCKS = (64, 128)
SPARSITIES = (0.75, 0.9)
Masks = Callable[[int, int], Tensor]
Kind = Callable[[Tensor], SparseLinear]


@dataclass(frozen=True)
class Size:
    """A layer `d_in -> d_out`, and samples at a time."""

    d_in: int
    d_out: int
    batch: int

    def __str__(self) -> str:
        return f"{self.d_in} to {self.d_out}, B={self.batch}"


SIZES = (Size(4096, 16384, 16384), Size(16384, 4096, 16384), Size(4096, 4096, 8192))
QUICK = (Size(1024, 2048, 1024),)


class TorchBlocks(nn.Module):
    """What PyTorch offers: a matrix in block compressed rows; without gradients."""

    def __init__(self, like: BlockLinear) -> None:
        super().__init__()
        self.weight = like.matrix().to_sparse_bsr((like.block, like.block))
        self.bias = like.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> (B, O)."""
        return F.linear(x, self.weight, self.bias)


class PackedEachTime:
    """A training pass with 2:4 products of a weight packed by cuSPARSELt, in both orientations:
    what the kernel would do on a GPU for which torch's own packing operator is wrong."""

    def __init__(self, layer: SemiStructuredLinear) -> None:
        self.layer, self.algorithms = layer, Algorithms()

    def __call__(self, x: Tensor) -> Tensor:
        """(B, D) -> (B, O)."""
        weight = self.layer.spread(self.layer.weight)
        return _PackedEachTime.apply(x, weight, self.layer.bias, self.algorithms)


class _PackedEachTime(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, algorithms: Algorithms
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.algorithms = algorithms
        packed = packed_once(weight)
        return times(x, packed, bias, algorithms.of("forward", packed, x))

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, None]:
        (grad,), (x, weight) = grads, ctx.saved_tensors
        packed = packed_once(weight.t().contiguous())
        for_x = times(grad, packed, None, ctx.algorithms.of("input", packed, grad))
        return for_x, grad.t() @ x, grad.sum(dim=0), None


def two_four(d_out: int, d_in: int) -> Tensor:
    """A transposable 2:4 mask."""
    return two_four_masks([(d_out, d_in)], 0.5, [torch.Generator().manual_seed(0)])[0]


def of_blocks(d_out: int, d_in: int, *, sparsity: float, block: int) -> Tensor:
    """A mask of whole blocks."""
    generators = [torch.Generator().manual_seed(0)]
    return block_masks([(d_out, d_in)], sparsity, generators, block=block)[0]


def built(masks: Masks, kind: Kind, size: Size) -> Any:
    """A layer on the GPU."""
    mask = masks(size.d_out, size.d_in).cuda()
    with torch.device("cuda"):
        return kind(mask).to(HALF)


def dense(size: Size) -> nn.Linear:
    """The layer that the others are compared with."""
    return nn.Linear(size.d_in, size.d_out, device="cuda", dtype=HALF)


def both(holder: nn.Module, product: Any, x: Tensor, above: Tensor) -> Callable[[], object]:
    """Forward and backward, with the gradients of the input and of all parameters of `holder`."""
    wanted = [x.clone().requires_grad_(), *holder.parameters()]
    return lambda: torch.autograd.grad(product(wanted[0]), wanted, above)


def samples(size: Size) -> tuple[Tensor, Tensor]:
    """Inputs, and the gradient of the outputs."""
    x, above = (torch.randn(size.batch, d, device="cuda") for d in (size.d_in, size.d_out))
    return x.to(HALF), above.to(HALF)


def rows_of(case: str, works: Mapping[str, Callable[[], object]], rounds: int) -> list[Row]:
    """Dense over each of the others."""
    print(f"{case} ...", file=sys.stderr, flush=True)
    timers = {name: in_a_row(work) for name, work in works.items()}
    times = interleaved(timers, rounds, "dense", shortest=0.0)
    others = [name for name in works if name != "dense"]
    return [
        Row(case, "dense", name, *median_interval(ratios(times, "dense", name)), None, "higher")
        for name in others
    ]


def two_four_rows(size: Size, rounds: int) -> list[Row]:
    """The kernel with its choice, and the products alone, whatever it would choose."""
    base = dense(size)
    masked, ours = (built(two_four, kind, size) for kind in (MaskedLinear, SemiStructuredLinear))
    layers = {"dense": base, "masked": masked, "semi_structured": ours}
    x, above = samples(size)
    frozen = copy.deepcopy(ours).requires_grad_(False)  # packed once
    passes = {
        name: forward(layer, x) for name, layer in (layers | {"semi_structured": frozen}).items()
    }
    passes["2:4 product, packed once"] = forward(frozen.products[TWO_FOUR], x)
    training = {name: both(layer, layer, x, above) for name, layer in layers.items()}
    training["2:4 product, packed each time"] = both(ours, PackedEachTime(ours), x, above)
    return [
        *rows_of(f"forward: {size}, 2:4", passes, rounds),
        *rows_of(f"forward + backward: {size}, 2:4", training, rounds),
    ]


def block_rows(size: Size, sparsity: float, rounds: int, widths: tuple[int, ...]) -> list[Row]:
    """Blocks of each width, and PyTorch's, forward alone."""
    layers: dict[str, Any] = {"dense": dense(size)}
    for block in widths:
        masks = partial(of_blocks, sparsity=sparsity, block=block)
        layers[f"block {block}"] = built(masks, partial(BlockLinear, block=block), size)
    x, above = samples(size)
    passes = {name: forward(layer, x) for name, layer in layers.items()}
    for block in widths:
        passes[f"torch bsr {block}"] = forward(TorchBlocks(layers[f"block {block}"]), x)
    training = {name: both(layer, layer, x, above) for name, layer in layers.items()}
    return [
        *rows_of(f"forward: {size}, {sparsity:.0%} sparse", passes, rounds),
        *rows_of(f"forward + backward: {size}, {sparsity:.0%} sparse", training, rounds),
    ]


def step_rows(size: Size, rounds: int, widths: tuple[int, ...]) -> list[Row]:
    """A feed-forward network, d -> 4 d -> d, with its optimizer."""
    up, down = size, Size(size.d_out, size.d_in, size.batch)

    def network(make: Callable[[Size], nn.Module]) -> nn.Module:
        return nn.Sequential(make(up), nn.GELU(), make(down))

    nets = {
        "dense": network(dense),
        "semi_structured": network(partial(built, two_four, SemiStructuredLinear)),
    }
    for sparsity in SPARSITIES:
        for block in widths:
            masks = partial(of_blocks, sparsity=sparsity, block=block)
            kind = partial(BlockLinear, block=block)
            nets[f"block {block}, {sparsity:.0%}"] = network(partial(built, masks, kind))
    x = torch.randn(size.batch, size.d_in, device="cuda", dtype=HALF)
    case = f"train step: {size.d_in} - {size.d_out} - {size.d_in}, AdamW, B={size.batch}"
    return rows_of(case, {name: step(net, x) for name, net in nets.items()}, rounds)


def main() -> None:
    """Measures, prints and, if asked, writes."""
    options = arguments(__doc__)
    need_gpu()
    torch.manual_seed(0)
    rounds = FEWEST_ROUNDS if options.quick else ROUNDS
    sizes, widths = (QUICK, (32, 64)) if options.quick else (SIZES, BLOCKS)
    rows: list[Row] = []
    for size in sizes:
        rows += two_four_rows(size, rounds)
        for sparsity in SPARSITIES:
            rows += block_rows(size, sparsity, rounds, widths)
            torch.cuda.empty_cache()
    rows += step_rows(sizes[0], rounds, widths)
    notes = [
        "A ratio is dense over the subject: above 1 the subject is faster. bfloat16, parameters"
        " too.",
        "semi_structured: the kernel, after its choice by measured time and agreement with the"
        " masked product. 2:4 product: without that choice; in training the weight is packed at"
        " each step by cuSPARSELt, in both orientations.",
        "torch bsr: F.linear with a matrix in block compressed rows, forward alone; its kernels"
        " are tuned for an A100.",
        f"A subject over {SLOW} times as slow as dense is timed in {FEWEST_ROUNDS} of the {rounds}"
        " rounds.",
    ]
    publish("sparse_gpu", rows, options.out, notes, ["triton"])


if __name__ == "__main__":
    main()

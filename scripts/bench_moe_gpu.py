"""Times our MoE layer on a GPU with each dispatch against a dense network of the same active FLOPs.

Usage: python scripts/bench_moe_gpu.py [--quick] [--out FILE.json]

Half precision; one pass is forward and backward with all gradients, router included. See
`bench_moe.py`, which measures the same on a CPU.
"""

import sys
from collections.abc import Callable
from dataclasses import replace

import torch
from bench_device import in_a_row, need_gpu
from bench_format import FEWEST_ROUNDS, Row, arguments, median_interval, publish
from bench_rounds import SLOW, fastest, interleaved, ratios
from moe_peers import PEERS, absences, peers
from moe_subjects import Shape, Work, dense, layer, ours

CUDA = Shape(16384, 4096, 2048, 64, 4, torch.bfloat16, "cuda")
CASES: dict[str, tuple[Shape, float]] = {
    "coarse": (CUDA, 1.35),
    "medium": (replace(CUDA, width=1536, hidden=1024, experts=32, top_k=2), 1.8),
    "fine": (replace(CUDA, width=1536, hidden=256, experts=128, top_k=8), 2.5),
}
TINY = Shape(128, 32, 80, 4, 2, torch.bfloat16, "cuda")
TINY_GOAL = 2.0
ROUNDS = 30
WITHOUT_WAITING = ("grouped", "triton")


def gpu_rows(quick: bool, rounds: int) -> tuple[list[Row], list[str]]:
    """The rows, and what was seen of the host waiting for the device."""
    rows: list[Row] = []
    for name, (shape, goal) in CASES.items():
        smaller = replace(shape, tokens=256, width=64, hidden=32, experts=8)
        print(f"{name}: {shape} ...", file=sys.stderr, flush=True)
        rows += against_dense(name, smaller if quick else shape, goal, rounds)
        torch.cuda.empty_cache()
    rows += graph_rows(rounds)
    moe = layer(TINY)
    works = {key: work for key, work in ours(TINY, moe).items() if key in WITHOUT_WAITING}
    for work in works.values():
        run_without_waiting(work)
    passed = ", ".join(works)
    return rows, [f"One step of {passed} passes torch.cuda.set_sync_debug_mode('error')."]


def against_dense(name: str, shape: Shape, goal: float, rounds: int) -> list[Row]:
    """Each of our dispatches and each peer over the dense network, which runs all rows at once."""
    moe = layer(shape)
    own = {f"ours, {key}": work for key, work in ours(shape, moe).items()}
    works = {"dense": dense(shape, shape.tokens)} | own | peers(shape, moe)
    timers = {key: in_a_row(work.run) for key, work in works.items()}
    return _rows(f"{name}: {shape}", timers, list(own), goal, rounds)


def graph_rows(rounds: int) -> list[Row]:
    """A tiny layer, where launching kernels is what costs: both sides as CUDA graphs."""
    moe = layer(TINY)
    own = {f"ours, {key}": work for key, work in ours(TINY, moe).items() if key in WITHOUT_WAITING}
    works = {"dense": dense(TINY, TINY.tokens)} | own
    timers = {key: in_a_row(graphed(work)) for key, work in works.items()}
    return _rows(f"tiny, CUDA graphs: {TINY}", timers, list(own), TINY_GOAL, rounds)


def _rows(
    case: str, timers: dict[str, Callable[[], float]], own: list[str], goal: float, rounds: int
) -> list[Row]:
    times = interleaved(timers, rounds, "dense", shortest=0.0)
    best = fastest(times, own, "dense")
    table = []
    for key in timers:
        if key != "dense":
            interval = median_interval(ratios(times, key, "dense"))
            table.append(Row(case, key, "dense", *interval, goal if key == best else None))
    return table


def graphed(work: Work) -> Callable[[], None]:
    """Forward and backward, recorded once, to be replayed."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            work.run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work.run()
    return graph.replay


def run_without_waiting(work: Work) -> None:
    """One step after a warm-up.

    Raises:
        RuntimeError: if the host waits for the device in it.
    """
    work.run()
    torch.cuda.set_sync_debug_mode("error")
    try:
        work.run()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def main() -> None:
    """Measures, prints and, if asked, writes."""
    options = arguments(__doc__)
    need_gpu()
    rounds = FEWEST_ROUNDS if options.quick else ROUNDS
    rows, facts = gpu_rows(options.quick, rounds)
    notes = [
        "Ours: SoftmaxTopK router and SwiGLU experts without bias, all of it timed. Dense: SwiGLU"
        " of k h hidden units, no router. Times are of steps that follow each other, by CUDA"
        " events.",
        "The goal is stated for our fastest dispatch.",
        f"A subject over {SLOW} times as slow as its baseline is timed in {FEWEST_ROUNDS} of the"
        f" {rounds} rounds.",
        *facts,
        *absences({name: shape for name, (shape, _) in CASES.items()}),
    ]
    packages = sorted({peer.package for peer in PEERS if peer.installed})
    publish("moe_gpu", rows, options.out, notes, ["triton", *packages])


if __name__ == "__main__":
    main()

"""Times our MoE layer with each dispatch against a dense network of the same active FLOPs.

Usage: python scripts/bench_moe.py [--quick] [--out FILE.json]

One pass is forward and backward with all gradients, router included. All subjects of a case take
turns in random order; a row is the median over rounds of subject / baseline. With 1 thread times
are CPU seconds of the process, which other work disturbs least; with 2 threads they are wall
seconds, because a thread that waits costs no CPU. Layers of other libraries that are installed
(`pip install -e '.[oracles]'`) run beside ours. For a GPU: `bench_moe_gpu.py`.
"""

import gc
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context

import torch
from bench_format import FEWEST_ROUNDS, Row, arguments, median_interval, publish
from bench_rounds import SLOW, Clock, fastest, interleaved, ratios
from moe_peers import PEERS, ROOM, SEQUENCE, absences, peers
from moe_subjects import (
    VARIANTS,
    Shape,
    Timer,
    backward_seconds,
    best_dense,
    layer,
    ours,
    seconds,
)

ROUNDS = 30
ROUNDS_OF_TWO = 10  # with 2 threads: to be seen beside, without goals
SHORTEST = 0.02  # seconds that one timing lasts at least
PADS = ("padded",)  # slow by design where load is skewed
LARGE = Shape(4096, 256, 1024, 8, 2)
MIDDLE = Shape(4096, 128, 512, 8, 2)
SMALLEST = Shape(64, 16, 32, 4, 2)
QUICK_TOKENS = 1024


Goals = dict[str, float]
"""Dispatch -> ratio to reach."""


@dataclass(frozen=True)
class Plan:
    """How to measure.

    Attributes:
        threads: of torch.
        rounds: timings of each subject.
        quick: tiny sizes instead of large ones.
    """

    threads: int
    rounds: int
    quick: bool

    @property
    def clock(self) -> Clock:
        """CPU time for one thread; for more, what one waits for."""
        return time.process_time if self.threads == 1 else time.perf_counter

    @property
    def shortest(self) -> float:
        """Seconds that one timing lasts at least: shorter steps are repeated."""
        return SHORTEST

    def case(self, name: str, shape: Shape) -> str:
        """The first cell of a row."""
        how = "1 thread, CPU time" if self.threads == 1 else f"{self.threads} threads, wall time"
        return f"{name}: {shape}; {how}"

    def goal(self, value: float | None) -> float | None:
        """Goals are for one thread."""
        return value if self.threads == 1 else None

    def shape(self, shape: Shape) -> Shape:
        """The shape itself; quickly, instead of a large one a tiny one with as many experts."""
        if not self.quick or shape.tokens <= QUICK_TOKENS:
            return shape
        return replace(SMALLEST, dtype=shape.dtype, experts=shape.experts, skew=shape.skew)


CASES: dict[str, tuple[Shape, float | None]] = {
    "8 experts": (LARGE, 1.05),
    "32 experts": (replace(LARGE, experts=32), 1.15),
    "small": (Shape(1024, 64, 256, 8, 2), 1.0),
    "tiny": (Shape(128, 32, 80, 4, 2), 1.4),
}


def against_dense(plan: Plan, name: str, shape: Shape, goal: float | None) -> list[Row]:
    """Each of our dispatches and each peer over dense; our best over the best peer.

    The goal stands in the row of our fastest.
    """
    shape = plan.shape(shape)
    moe = layer(shape)
    rows, base = best_dense(shape, tries=3)
    own, others = ours(shape, moe), peers(shape, moe)
    dense = f"dense, {'all' if rows == shape.tokens else rows} rows at a time"
    works = {dense: base} | {f"ours, {key}": w for key, w in own.items()} | others
    timers = {key: partial(seconds, w, plan.clock) for key, w in works.items()}
    times = interleaved(timers, plan.rounds, dense, plan.shortest)
    case = plan.case(name, shape)

    def row(subject: str, baseline: str, aim: float | None) -> Row:
        interval = median_interval(ratios(times, subject, baseline))
        return Row(case, subject, baseline, *interval, plan.goal(aim))

    best = fastest(times, [f"ours, {key}" for key in own], dense)
    table = [row(key, dense, goal if key == best else None) for key in works if key != dense]
    if others:
        table.append(row(best, fastest(times, list(others), dense), 1.0))
    return table


def against_itself(
    plan: Plan, name: str, subject: Shape, base: tuple[str, Shape], goals: Goals, timer: Timer
) -> list[Row]:
    """Each of our dispatches in one situation over itself in another of the same FLOPs."""
    hard, easy = ours(subject, layer(subject)), ours(base[1], layer(base[1]))
    timers = {f"ours, {key}": partial(timer, work, plan.clock) for key, work in hard.items()}
    timers |= {f"itself, {key}": partial(timer, work, plan.clock) for key, work in easy.items()}
    times = interleaved(timers, plan.rounds, "itself, loop", plan.shortest)
    case = plan.case(name, subject)
    rows = []
    for key in hard:
        interval = median_interval(ratios(times, f"ours, {key}", f"itself, {key}"))
        aim = plan.goal(goals.get(key))
        rows.append(Row(case, f"ours, {key}", f"itself, {base[0]}", *interval, aim))
    return rows


def measure(plan: Plan) -> list[Row]:
    """All rows with so many threads; in a process of its own, as threads are set once."""
    torch.set_num_threads(plan.threads)
    gc.disable()
    rows: list[Row] = []
    for name, (shape, goal) in CASES.items():
        # Two threads wait for each other for long on a busy machine: quickly, one case will do.
        if plan.threads == 1 or name == "tiny" or not plan.quick:
            print(f"{plan.case(name, shape)} ...", file=sys.stderr, flush=True)
            rows += against_dense(plan, name, shape, goal)
            gc.collect()
    return rows + hard_cases(plan) if plan.threads == 1 else rows


def hard_cases(plan: Plan) -> list[Row]:
    """Load on one expert, and many experts."""
    print("load on one expert, and many experts ...", file=sys.stderr, flush=True)
    even, few = plan.shape(LARGE), plan.shape(MIDDLE)
    skewed, many = replace(even, skew=2.8), replace(few, experts=64)
    goals = {key: 1.1 for key in VARIANTS if key not in PADS}
    rows = against_itself(plan, "skewed load", skewed, ("even load", even), goals, seconds)
    gc.collect()
    base, goals = (f"E={few.experts}", few), dict.fromkeys(goals, 1.5)
    return rows + against_itself(plan, "backward alone", many, base, goals, backward_seconds)


def alone(plan: Plan) -> list[Row]:
    """Measures in a fresh process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measure, plan).result()


def notes(plan: Plan) -> list[str]:
    """What a reader of the table needs to know."""
    return [
        "Ours: SoftmaxTopK router and SwiGLU experts without bias, all of it timed. Dense: SwiGLU"
        " of k h hidden units, no router, as many rows at a time as are fastest here.",
        f"Rows of 2 threads have {ROUNDS_OF_TWO} rounds, the others {plan.rounds}.",
        "A goal is met surely (yes) or `within the interval`; it is stated for our fastest"
        " dispatch, and for all but the padded one where a dispatch is compared with itself.",
        "st-moe-pytorch (GEGLU experts) and mixture-of-experts (two matrices, hidden 1.5 h) have"
        f" room for {ROOM} times the mean load and drop the rest; their batches are sequences of"
        f" {SEQUENCE} tokens.",
        f"A subject over {SLOW} times as slow as its baseline is timed in {FEWEST_ROUNDS} of the"
        f" {plan.rounds} rounds.",
        "tutel is not offered by the package index and is left out.",
        *absences({name: shape for name, (shape, _) in CASES.items()}),
        "Nothing here is of a GPU: see moe_gpu.md.",
    ]


def main() -> None:
    """Measures, prints and, if asked, writes."""
    options = arguments(__doc__)
    torch.set_num_threads(1)
    single = Plan(1, FEWEST_ROUNDS if options.quick else ROUNDS, options.quick)
    rows = alone(single) + alone(
        replace(single, threads=2, rounds=min(single.rounds, ROUNDS_OF_TWO))
    )
    packages = sorted({peer.package for peer in PEERS if peer.installed})
    publish("moe", rows, options.out, notes(single), packages)


if __name__ == "__main__":
    main()

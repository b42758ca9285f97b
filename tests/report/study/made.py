"""A study with invented results, in a folder; for tests only."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from triptych.report.study.latencies import Latencies, Latency
from triptych.report.study.outcomes import Outcomes, read_outcomes
from triptych.result import Result, write
from triptych.study import Record, Trial, from_config, trials

PLAIN: dict[str, Any] = {
    "question": "Which one?",
    "cells": {"K=1": ["data.num_clusters=1"], "K=32": ["data.num_clusters=32"]},
    "arms": {"dense": ["model=ffn"], "moe": ["model=moe"]},
    "baselines": ["dense"],
    "rates": [0.01],
    "most_rates": 1,
    "tuning_seeds": [100],
    "seeds": [0, 1, 2, 3, 4, 5],
}
SPREAD = (0.001, -0.002, 0.0, 0.003, -0.001, -0.001)  # sums to 0

Accuracy = Callable[[Trial], float]


def study(
    folder: Path,
    accuracy: Accuracy,
    extra: Callable[[Trial], Mapping[str, float]] = lambda trial: {},
    flops: Callable[[Trial], float] = lambda trial: 1e9,
    config: Callable[[Trial], dict[str, Any]] = lambda trial: {},
    tried: Sequence[float] = (0.01,),
    **changes: Any,
) -> Outcomes:
    """Writes it and reads it again; seeds move the accuracies of each arm in another order."""
    plan = from_config({**PLAIN, **changes})
    rates = dict.fromkeys(plan.pairs, plan.rates[:1])
    runs = trials(plan, "tuning", dict.fromkeys(plan.pairs, tried), 0)
    runs += trials(plan, "comparison", rates, len(runs))
    folder.mkdir(parents=True, exist_ok=True)
    Record(plan, runs, [(*pair, plan.rates[0]) for pair in plan.pairs]).write(folder)
    for run in runs:
        shift = SPREAD[(run.seed + 2 * list(plan.arms).index(run.arm)) % 6]
        test = {"test/acc": accuracy(run) + shift, **extra(run)}
        metrics = {
            "best": {"val/acc": 0.5},
            "test": test,
            "final": {"compute/train_flops": flops(run)},
        }
        panel = next(o for o in plan.arms[run.arm] if o.startswith("model=")).partition("=")[2]
        result = Result("finished", f"{panel}-s{run.seed}", panel, run.seed, metrics=metrics)
        result.config = config(run)
        result.seconds = {"fit": flops(run) / 1e9}
        result.config = config(run)
        result.tables = {"classes": ["below", "above"]}
        write(result, folder / str(run.job))
    return read_outcomes(folder)


def latencies(seconds: Mapping[tuple[str, str, int], float]) -> Latencies:
    """Invented times by cell, arm and batch; quartiles are a tenth less and a fifth more."""
    nets = tuple(
        Latency(cell, arm, 7, batch, taken, 0.9 * taken, 1.2 * taken)
        for (cell, arm, batch), taken in seconds.items()
    )
    return Latencies("a machine", "2.0", 1, 40, "2026-01-02T03:04:05+00:00", "dispatch loop", nets)

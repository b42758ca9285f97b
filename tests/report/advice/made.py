"""Rows of the table, with invented scores; for tests only."""

from typing import Any

from triptych.report.advice import Measured, Task

TASK = Task(1000, 32, 2, 4)
SPREAD = (0.001, -0.002, 0.0, 0.003, -0.001, -0.001)  # sums to 0
PANELS = ("dense", "sparse", "moe")
FLOPS = {"dense": 100.0, "sparse": 200.0, "moe": 300.0}


def row(cell: str, panel: str, mean: float, **changes: Any) -> Measured:
    """An arm of a panel, named like it; seeds move each panel in another order."""
    shift = PANELS.index(panel)
    scores = {seed: mean + SPREAD[(seed + 2 * shift) % 6] for seed in range(6)}
    fields: dict[str, Any] = {
        **{"study": "plain", "cell": cell, "arm": panel, "panel": panel, "control": False},
        **{"data": "ClustersData", "task": TASK, "label_noise": 0.0, "scores": scores},
        **{"params_total": 10 * FLOPS[panel], "params_active": 10.0, "flops": FLOPS[panel]},
        **{"training_flops": 1e9, "fit_seconds": 1.5},
        **{"commit": "0123456789", "machine": "cpu", "torch": "2.0"},
    }
    return Measured(**{**fields, **changes})


def cell(name: str, best: str, **changes: Any) -> list[Measured]:
    """All three panels in a cell, one of them far ahead."""
    return [row(name, panel, 0.95 if panel == best else 0.9, **changes) for panel in PANELS]

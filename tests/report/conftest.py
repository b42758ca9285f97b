"""Run folders with invented numbers that no real run could produce by accident; for tests only."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from triptych.result import Result, write

WriteRun = Callable[..., Path]

FAMILIES = ("alpha", "beta", "gamma")
CLASSES = ("a", "b", "c")
COSTS = {
    "ffn": {"params_total": 44000.0, "params_active": 44000.0, "flops": 88000.0},
    "sparse": {"params_total": 9000.0, "params_active": 9000.0, "flops": 18000.0},
    "moe": {"params_total": 160000.0, "params_active": 42000.0, "flops": 84000.0},
}


def fake_result(panel: str, seed: int, accuracy: float, **changes: object) -> Result:
    """A finished run of one panel; `changes` replace fields of the result."""
    rng = np.random.default_rng([seed, *panel.encode()])
    cost = COSTS[panel]
    fields: dict[str, object] = {
        "status": "finished",
        "name": f"{panel}-s{seed}",
        "panel": panel,
        "seed": seed,
        "overrides": [f"model={panel}", f"seed={seed}"],
        "config_hash": f"{panel}{seed}",
        "config": fake_config(panel, seed, changes.get("overrides", ())),
        "command": f"train.py model={panel} seed={seed}",
        "git": {"commit": "0123abc", "dirty": False},
        "versions": {"torch": "0.0.fake"},
        "device": {"accelerator": "cpu", "threads": 1},
        "started": f"2001-01-01T00:0{seed}:00+00:00",
        "ended": f"2001-01-01T01:0{seed}:00+00:00",
        "epochs": 12,
        "steps": 1200,
        "seconds": {"fit": 30.0 + seed, "test": 1.0, "total": 32.0 + seed},
        "samples_per_s": 25000.0 - 1000 * seed,
        "peak_memory_mib": 512.0,
        "cost": {**cost, "flops_executed": cost["flops"] * (5 if panel == "sparse" else 1)},
        "metrics": {
            "best": {"val/acc": accuracy + 0.002, "val/loss": 0.1},
            "final": {"val/acc": accuracy + 0.001, "val/loss": 0.11},
            "test": {"test/acc": accuracy, "test/loss": 1.0 - accuracy, "test/f1": accuracy},
        },
        "tables": fake_tables(panel, accuracy, rng),
    }
    return Result(**{**fields, **changes})  # pyright: ignore[reportArgumentType]


def fake_config(panel: str, seed: int, overrides: object) -> dict[str, Any]:
    """A configuration that the overrides have been merged into; a group is its `_target_`."""
    config: dict[str, Any] = {
        "seed": seed,
        "data": {"seed": seed, "n_train": 800, "batch_size": 32},
        "model": {"name": panel, "d_hidden": 64},
        "trainer": {"max_epochs": 12, "devices": 1},
    }
    for override in list(overrides) if isinstance(overrides, list) else []:
        path, _, value = str(override).partition("=")
        *groups, leaf = path.split(".")
        node = config
        for group in groups:
            node = node.setdefault(group, {})
        if isinstance(node.get(leaf), dict):
            node, leaf = node[leaf], "_target_"
        node[leaf] = value
    return config


def wobble(panel: str, seed: int) -> float:
    """What a seed adds to the accuracy: mostly the same for all panels, as with shared data."""
    return 0.004 * seed + 0.0002 * ((seed * (1 + list(COSTS).index(panel))) % 4)


def fake_tables(panel: str, accuracy: float, rng: np.random.Generator) -> dict[str, object]:
    """Confusion and calibration for all panels, routing for MoE, density for sparse."""
    wrong = round(1000 * (1 - accuracy))
    confusion = np.full((3, 3), wrong // 2) + np.diag([1000 - wrong - wrong // 2] * 3)
    edges = (np.arange(15) + 0.5) / 15
    tables: dict[str, object] = {
        "classes": list(CLASSES),
        "families": list(FAMILIES),
        "confusion": confusion.tolist(),
        "calibration": {
            "count": [0] * 5 + [10 * 2**k for k in range(10)],
            "confidence": edges.tolist(),
            "accuracy": (edges**1.2).tolist(),
        },
    }
    if panel == "moe":
        tables["routing"] = [fake_routing(f"block_{block}", rng) for block in range(2)]
    if panel == "sparse":
        tables["density"] = [
            {"layer": f"block_{b}.{w}", "density": d, "nonzeros": int(d * 4096), "size": 4096}
            for b, w, d in ((0, "up", 0.1), (0, "down", 0.12), (1, "up", 0.1), (1, "down", 0.2))
        ]
    return tables


def fake_routing(layer: str, rng: np.random.Generator) -> dict[str, object]:
    """Routes of 3 families over 4 experts, each family with a favourite."""
    probabilities = rng.dirichlet([0.5] * 4, size=3)
    counts = np.round(probabilities * 800)
    return {
        "layer": layer,
        "load": counts.sum(axis=0).tolist(),
        "topk_by_family": counts.tolist(),
        "prob_by_family": (0.7 * probabilities + 0.3 / 4).tolist(),
        "confidence": np.round(200 * rng.beta(5, 2, size=20)).tolist(),
    }


def fake_curve(result: Result, epochs: int = 12) -> pd.DataFrame:
    """Curves that approach the final accuracy; the first learning rate cell is blank."""
    epoch = np.arange(epochs)
    rise = 1 - np.exp(-(epoch + 1) / (2 + 0.3 * result.seed))
    accuracy = result.metrics.get("final", {}).get("val/acc", 0.5) * rise
    curve = pd.DataFrame(
        {
            "step": 100 * (epoch + 1),
            "epoch": epoch,
            "train/loss": 1.1 - accuracy,
            "train/acc": accuracy + 0.01,
            "val/loss": 1.15 - accuracy,
            "val/acc": accuracy,
            "lr": [np.nan, *([1e-3] * (epochs - 1))],
            "time/train_s": (2.0 + 0.1 * result.seed) * (epoch + 1),
            "compute/train_flops": 3 * result.cost.get("flops", 0.0) * 8000 * (epoch + 1),
            "params/active": result.cost.get("params_active", 0.0) * (1 + 0.02 * np.sin(epoch)),
        }
    )
    if result.panel == "moe":
        curve["train/moe/balance_loss"] = 1 + 0.2 / (epoch + 1 + result.seed)
    return curve


@pytest.fixture(scope="session")
def fake() -> Callable[..., Result]:
    """The maker of fake results: panel, seed, test accuracy, and fields to replace."""
    return fake_result


@pytest.fixture
def write_run(tmp_path: Path) -> WriteRun:
    """Writes one fake run folder below `tmp_path/runs` and returns its path."""

    def write_one(result: Result, folder: str = "", epochs: int = 12) -> Path:
        return _write(result, tmp_path / "runs" / (folder or result.name), epochs)

    return write_one


@pytest.fixture(scope="session")
def nine_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three panels over three seeds, MoE clearly ahead of both. Read only: tests share it."""
    root = tmp_path_factory.mktemp("nine") / "runs"
    for panel, base in (("ffn", 0.902), ("sparse", 0.9), ("moe", 0.94)):
        for seed in range(3):
            _write(fake_result(panel, seed, base + wobble(panel, seed)), root / f"{panel}-s{seed}")
    return root


def _write(result: Result, folder: Path, epochs: int = 12) -> Path:
    write(result, folder)
    if result.status == "finished":
        fake_curve(result, epochs).to_csv(folder / "metrics.csv", index=False)
    return folder

"""Reads what trackers keep, with their own reading interfaces, in one form."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Numbers = Mapping[tuple[int, str], float]
CONFIG = {"seed": 0, "model": {"name": "moe", "router": {"top_k": 2, "noise": None}}}


@dataclass(frozen=True)
class Kept:
    """One run.

    Attributes:
        id: what `result.json` calls the run.
        settings: by dotted key.
        numbers: by step and key.
        tables: rows as mappings, by name.
        alerts: level and title; None where the tracker knows none.
    """

    id: str
    name: str
    group: str | None
    status: str
    settings: Mapping[str, Any]
    numbers: Numbers
    tables: Mapping[str, list[dict[str, Any]]]
    alerts: list[tuple[str, str]] | None


Read = Callable[[Path], list[Kept]]


def numbers(table: Mapping[int, Mapping[str, float]]) -> Numbers:
    return {(step, key): value for step, row in table.items() for key, value in row.items()}


def mlflow_runs(logs: Path, experiment: str = "triptych") -> list[Kept]:
    """Those of the local store below `logs`, the oldest first."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{(logs / 'mlflow' / 'mlflow.db').absolute()}")
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    runs = client.search_runs([found.experiment_id], order_by=["start_time ASC"])
    return [_mlflow_run(client, run) for run in runs]


def _mlflow_run(client: Any, run: Any) -> Kept:
    from mlflow.artifacts import load_dict

    number, tags = run.info.run_id, run.data.tags
    # The newest of a step comes last.
    numbers = {
        (point.step, key): point.value
        for key in run.data.metrics
        for point in client.get_metric_history(number, key)
    }
    names = [Path(found.path).stem for found in client.list_artifacts(number, "tables")]
    loaded = {name: load_dict(f"{run.info.artifact_uri}/tables/{name}.json") for name in names}
    tables = {
        name: [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
        for name, table in loaded.items()
    }
    return Kept(
        id=tags.get("triptych.id", ""),
        name=run.info.run_name,
        group=tags.get("group"),
        status=run.info.status,
        settings=run.data.params,
        numbers=numbers,
        tables=tables,
        alerts=None,
    )


# Trackio reads where its store is when it is imported, so another process asks it.
TRACKIO_SAYS = """
import json, sys
from trackio import Api
from trackio.sqlite_storage import SQLiteStorage
print("JSON" + json.dumps([
    {
        "id": run.id, "name": run.name, "config": run.config, "alerts": run.alerts(),
        "logs": SQLiteStorage.get_logs(run.project, run.name, run_id=run.id),
    }
    for run in Api().runs(sys.argv[1])
]))
"""


def trackio_runs(logs: Path, project: str = "triptych") -> list[Kept]:
    """Those of the local store below `logs`, the oldest first."""
    done = subprocess.run(
        [sys.executable, "-c", TRACKIO_SAYS, project],
        env=os.environ | {"TRACKIO_DIR": str((logs / "trackio").absolute())},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("JSON"))
    runs = sorted(json.loads(line[4:]), key=lambda run: run["config"]["_Created"])
    return [_trackio_run(run) for run in runs]


def _trackio_run(run: dict[str, Any]) -> Kept:
    cells = {
        (row["step"], key): value
        for row in run["logs"]
        for key, value in row.items()
        if key not in ("step", "timestamp")
    }
    return Kept(
        id=run["id"],
        name=run["name"],
        group=run["config"]["_Group"],
        status=run["config"]["status"],
        settings=run["config"],
        numbers={place: cell for place, cell in cells.items() if not isinstance(cell, dict)},
        tables={
            key.removeprefix("tables/"): cell["_value"]
            for (_, key), cell in cells.items()
            if isinstance(cell, dict)
        },
        alerts=[(alert["level"], alert["title"]) for alert in run["alerts"]],
    )

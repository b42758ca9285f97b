"""Reads the offline log of one wandb run. The format is private: for tests of one version only.

A file is a 7-byte header, then blocks of 32 KiB that hold fragments: checksum (4 bytes), length
(2), kind (1), content. Fragments join to records, which are protobuf messages.
"""

import json
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

BLOCK = 32 * 1024
HEADER = b":W&B" + struct.pack("<HB", 0xBEE1, 0)
FRAGMENT = struct.Struct("<IHB")
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4


@dataclass
class Run:
    """What one log says. `exit_code` is None while the run is open or after a kill."""

    id: str = ""
    project: str = ""
    name: str = ""
    group: str = ""
    job_type: str = ""
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    step_metrics: dict[str, str] = field(default_factory=dict)
    artifacts: list[tuple[str, str, list[str]]] = field(default_factory=list)
    exit_code: int | None = None

    def curve(self, metric: str) -> list[tuple[int, float]]:
        """The points of a metric over the trainer's step."""
        return [(row["trainer/global_step"], row[metric]) for row in self.history if metric in row]


def payloads(data: bytes) -> Iterator[bytes]:
    """The records of a log as bytes; stops silently at the torn end that a kill leaves."""
    if data[: len(HEADER)] != HEADER:
        raise ValueError("not a log of wandb")
    position, parts = len(HEADER), b""
    while position + FRAGMENT.size <= len(data):
        left = BLOCK - position % BLOCK
        if left < FRAGMENT.size:
            position += left
            continue
        _, length, kind = FRAGMENT.unpack_from(data, position)
        start = position + FRAGMENT.size
        position = start + length
        if kind == 0 or position > len(data):
            return
        parts = data[start:position] if kind in (WHOLE, FIRST) else parts + data[start:position]
        if kind in (WHOLE, LAST):
            yield parts


def read(path: Path) -> Run:
    """Everything the tests ask of one run."""
    run = Run()
    for payload in payloads(path.read_bytes()):
        _add(run, Record.FromString(payload))
    return run


def _add(run: Run, record: Record) -> None:
    match record.WhichOneof("record_type"):
        case "run":
            said = record.run
            run.id, run.project, run.name = said.run_id, said.project, said.display_name
            run.group, run.job_type, run.tags = said.run_group, said.job_type, list(said.tags)
            _put(run.config, said.config.update)
        case "config":
            _put(run.config, record.config.update)
        case "history":
            run.history.append(_put({}, record.history.item))
        case "summary":
            _put(run.summary, record.summary.update)
        case "metric":
            said = record.metric
            run.step_metrics[said.name or said.glob_name] = said.step_metric
        case "artifact":
            said = record.artifact
            run.artifacts.append((said.name, said.type, sorted(said.aliases)))
        case "exit":
            run.exit_code = record.exit.exit_code


def _put(target: dict[str, Any], items: Any) -> dict[str, Any]:
    for item in items:
        *outer, last = list(item.nested_key) or [item.key]
        inner = target
        for key in outer:
            inner = inner.setdefault(key, {})
        inner[last] = json.loads(item.value_json)
    return target


def closed_runs(folder: Path, wait_s: float = 10.0) -> list[Run]:
    """All runs below `folder/wandb`, sorted by name, once each has recorded its end.

    `finish()` may return before the last records are on disk.
    """
    deadline = time.monotonic() + wait_s
    while True:
        runs = [read(path) for path in (folder / "wandb").glob("offline-run-*/*.wandb")]
        if all(run.exit_code is not None for run in runs) or time.monotonic() > deadline:
            return sorted(runs, key=lambda run: run.name)
        time.sleep(0.05)

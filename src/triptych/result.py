"""The record of a run, `result.json`: its keys, its states, and how it is written and read.

It is written at the start with status `running` and replaced by whole files only, so a killed
run leaves `running` and never half a file. Nothing here imports torch.
"""

import contextlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

SCHEMA = 1
FILE = "result.json"
Status = Literal["running", "finished", "failed", "skipped", "interrupted"]


@dataclass
class Result:
    """One run. Times are in seconds, memory in MiB, dates in ISO 8601 with the UTC offset.

    Attributes:
        name: panel and seed, as in `moe-s0`.
        panel: `ffn`, `sparse` or `moe`.
        overrides: what was typed for this run, as Hydra overrides.
        match: of a run whose width was searched: `kind` and `unit` of what is equal, `d_hidden`
            (found, as in `config`), `reference` (width of the dense net), `budget` (cost of that),
            `reached` (cost of this net) and the `mismatch`, a share.
        config_hash: equal for runs that compute the same thing (folders and loggers left out).
        id: of this run and no other, also for trackers; kept when it goes on in its folder.
        metrics: `best` (validation, at the chosen checkpoint), `final` (last epoch) and `test`.
        cost: the fields of `triptych.types.Cost` for one sample, with measured routing.
        tables: confusion, calibration, routing and density, as plain lists.
        ended_early: by which `rule` training ended before its last epoch, `threshold` or
            `patience`, and the `reason` in words; empty if it did not.
        resumed_from: the checkpoint that a repeated sweep went on from.
        error: type, message and traceback of a run that did not finish.
    """

    status: Status
    name: str
    panel: str
    seed: int
    overrides: list[str] = field(default_factory=list)
    command: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    match: dict[str, Any] = field(default_factory=dict)
    config_hash: str = ""
    id: str = ""
    git: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    device: dict[str, Any] = field(default_factory=dict)
    started: str = ""
    ended: str = ""
    epochs: int = 0
    steps: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    samples_per_s: float = 0.0
    peak_memory_mib: float = 0.0
    cost: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)
    ended_early: dict[str, str] = field(default_factory=dict)
    checkpoint: str = ""
    resumed_from: str = ""
    error: dict[str, str] | None = None
    schema: int = SCHEMA


def write(result: Result, folder: Path) -> Path:
    """Writes `result.json` in `folder` so that a reader sees the old file or the new one.

    JSON has no NaN and no infinity: they become null, and are read back as None.
    """
    target = folder / FILE
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(finite(asdict(result)), indent=1, allow_nan=False)
    return write_whole(target, text + "\n")


def write_whole(target: Path, text: str) -> Path:
    """Writes a text file as `replace_whole` does."""
    return replace_whole(target, text.encode("utf-8"))


def replace_whole(target: Path, content: bytes | memoryview) -> Path:
    """Writes a file beside the old one, which it then replaces: a reader, or a kill, sees one of
    both.

    Raises:
        OSError: if there is no room, with the name of the file; the old one is still there.
    """
    draft = target.with_name(f".{target.name}.{os.getpid()}.draft")
    try:
        draft.write_bytes(content)
        os.replace(draft, target)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        # A full disk is noticed when nobody knows any more which file was written.
        raise OSError(error.errno, error.strerror, str(target)) from error
    return target


def finite(node: Any) -> Any:
    """Plain content as JSON can have it: what is no finite number is None."""
    return with_floats(node, lambda number: number if math.isfinite(number) else None)


def with_floats(node: Any, change: Callable[[float], Any]) -> Any:
    """Plain content with its floating-point numbers changed.

    >>> with_floats({"a": [1, 2.5], "b": None}, round)
    {'a': [1, 2], 'b': None}
    """
    match node:
        case float():
            return change(node)
        case dict():
            return {key: with_floats(value, change) for key, value in node.items()}
        case list() | tuple():
            return [with_floats(value, change) for value in node]
        case _:
            return node


def read(path: Path) -> Result:
    """Reads one `result.json`.

    Raises:
        ValueError: if the file is no result of this schema; the message names the file.
    """
    try:
        content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content.get("schema") != SCHEMA:
            raise ValueError(f"schema {content.get('schema')!r}, expected {SCHEMA}")
        if content.get("status") not in get_args(Status):
            raise ValueError(f"status {content.get('status')!r} is none of {get_args(Status)}")
        return Result(**content)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path} is not a result of a run: {error}") from error


def find(*roots: Path) -> Iterator[tuple[Path, Result]]:
    """All runs below the given folders (or files), each with its folder, in a stable order."""
    seen: set[Path] = set()
    for root in roots:
        files = [root] if root.is_file() else sorted(root.rglob(FILE))
        for file in files:
            folder = file.resolve().parent
            if folder not in seen:
                seen.add(folder)
                yield folder, read(file)


def leaves(config: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a nested configuration with their dotted paths.

    >>> dict(leaves({"a": {"b": 1, "c": {}}, "d": [2]}))
    {'a.b': 1, 'a.c': {}, 'd': [2]}
    """
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value

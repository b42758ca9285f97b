"""Records of runs as the report needs them: file by file, with NaN where nothing is known."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from triptych.errors import InvalidSetting
from triptych.result import FILE, Result, find

NAN = float("nan")


@dataclass(frozen=True)
class Unreadable:
    """A `result.json` that is none, and why."""

    folder: Path
    reason: str


def read_records(roots: Sequence[Path]) -> tuple[list[tuple[Path, Result]], list[Unreadable]]:
    """Every record below the roots once, in a stable order, and the files that hold none."""
    good: dict[Path, Result] = {}
    bad: dict[Path, Unreadable] = {}
    for root in roots:
        for file in [root] if root.is_file() else sorted(root.rglob(FILE)):
            folder = file.resolve().parent
            if folder in good or folder in bad:
                continue
            try:
                good |= {found: _checked(result) for found, result in find(file)}
            except (ValueError, RecursionError, OSError) as error:
                bad[folder] = Unreadable(folder, _reason(error, file))
    return list(good.items()), list(bad.values())


def require_records(
    roots: Sequence[Path],
) -> tuple[list[tuple[Path, Result]], list[Unreadable]]:
    """The same, at least one of them.

    Raises:
        InvalidSetting: if a folder is missing, or no run that can be read lies below any.
    """
    for root in roots:
        if not root.exists():
            raise InvalidSetting(f"no such folder: {root}")
    found, unreadable = read_records(roots)
    if not found:
        listed = ", ".join(map(str, roots))
        what = "".join(f"; {bad.folder / FILE} is {bad.reason}" for bad in unreadable[:1])
        raise InvalidSetting(f"no run below {listed}: expected folders with a result.json{what}")
    return found, unreadable


def _reason(error: Exception, file: Path) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error).removeprefix(f"{file} is ")


def _checked(result: Result) -> Result:
    """The record with NaN for null among its numbers.

    Raises:
        ValueError: if a field that the report reads has another type.
    """
    kinds = {
        str: ("name", "panel", "command", "config_hash", "started", "ended"),
        int: ("seed",),
        list: ("overrides",),
        dict: (
            "config",
            "match",
            "git",
            "versions",
            "device",
            "seconds",
            "cost",
            "metrics",
            "tables",
            "ended_early",
        ),
    }
    fields = vars(result)
    for kind, names in kinds.items():
        for name in names:
            if not isinstance(fields[name], kind):
                raise ValueError(f"`{name}` is no {kind.__name__}")
    if not all(isinstance(table, dict) for table in result.metrics.values()):
        raise ValueError("`metrics` holds no tables")
    return replace(
        result,
        metrics=_with_nan(result.metrics),
        cost=_with_nan(result.cost),
        seconds=_with_nan(result.seconds),
        samples_per_s=_with_nan(result.samples_per_s),
        peak_memory_mib=_with_nan(result.peak_memory_mib),
        tables={k: v if v is None else _with_nan(v) for k, v in result.tables.items()},
    )


def _with_nan(node: Any) -> Any:
    match node:
        case None:
            return NAN
        case dict():
            return {key: _with_nan(value) for key, value in node.items()}
        case list():
            return [_with_nan(value) for value in node]
        case _:
            return node

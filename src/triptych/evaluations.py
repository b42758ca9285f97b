"""The tables of a run's evaluations, `tables.jsonl`: a line of JSON for each, as they come.

A run that is killed may leave half a line, and one that goes on writes some steps again: half a
line says nothing, and of several lines of one step the last one counts. Nothing here imports torch.
"""

import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

from triptych.result import finite

FILE = "tables.jsonl"


@final
@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        split: `val` or `test`.
        step: the last optimizer step before it, as in `metrics.csv`.
        tables: plain lists and numbers by name, as in `result.json`.
    """

    split: str
    step: int
    tables: Mapping[str, Any]


def to_text(evaluations: Iterable[Evaluation]) -> str:
    """Their lines; what is no finite number becomes null."""
    every = (finite(asdict(one)) for one in evaluations)
    return "".join(json.dumps(one, separators=(",", ":"), allow_nan=False) + "\n" for one in every)


def read(folder: Path) -> list[Evaluation]:
    """Those of the run in a folder, by split and step; none if it kept none."""
    file = folder / FILE
    if not file.is_file():
        return []
    found: dict[tuple[str, int], Evaluation] = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError, TypeError):
            one = Evaluation(**json.loads(line))
            found[one.split, int(one.step)] = one
    return sorted(found.values(), key=lambda one: (one.split == "test", one.step))

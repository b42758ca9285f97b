"""Replicas: runs that are trained together because only numbers tell them apart."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

from hydra.core.override_parser.overrides_parser import OverridesParser

from triptych.errors import InvalidSetting
from triptych.result import write_whole

SPARSITY = "model.sparsity"
NUMBERS = ("seed", "model.lr", "model.clip", "model.balance_coef", "model.z_coef", SPARSITY)
NUMBERS_OF = ("optimizer.",)
"""Keys, and beginnings of keys, in which replicas may differ: none changes a shape."""


@final
@dataclass(frozen=True)
class Replica:
    """What one replica is.

    Attributes:
        folder: of its run.
        number: of its run in a sweep, or among the replicas.
        own: the values by which it may differ from the others, by key.
        overrides: all that make its run, as typed for it alone.
    """

    folder: Path
    number: int
    own: Mapping[str, Any]
    overrides: Sequence[str]


def by_seed(replicas: Any, seed: int, overrides: Sequence[str], folder: Path) -> list[Replica]:
    """Replicas with the seeds from `seed` on.

    Args:
        replicas: how many.
        overrides: of the command, the number of replicas among them.
        folder: holds a folder for each.

    Raises:
        InvalidSetting: if it is no number of replicas.
    """
    if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 1:
        raise InvalidSetting(f"replicas={replicas} must be a whole number of at least 1")
    common = [o for o in overrides if key_of(o) not in ("replicas", "seed")]
    return [
        Replica(folder / str(i), i, {"seed": seed + i}, [*common, f"seed={seed + i}"])
        for i in range(replicas)
    ]


def key_of(override: str) -> str:
    """What an override sets.

    >>> key_of("+model.lr=0.1"), key_of("model/rule=rigl")
    ('model.lr', 'model/rule')
    """
    return override.lstrip("+~").partition("=")[0]


def may_differ(override: str) -> bool:
    """Whether replicas may differ in it: it gives a number, and deletes none."""
    key = key_of(override)
    return not override.startswith("~") and (key in NUMBERS or key.startswith(NUMBERS_OF))


def grouped(jobs: Sequence[Sequence[str]], most: int) -> list[list[int]]:
    """Which jobs can be trained together: those whose overrides differ in numbers alone, in the
    order of the first of each.

    Args:
        jobs: the overrides of each.
        most: jobs in a group.

    >>> grouped([["model=ffn", "seed=0"], ["model=moe", "seed=0"], ["model=ffn", "seed=1"]], 8)
    [[0, 2], [1]]
    """
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {}
    for number, overrides in enumerate(jobs):
        # Where a width is found for each sparsity, or a kernel holds the weights alone.
        shaping = any(key_of(o) in ("match", "model/kernel") for o in overrides)
        fixed = [o for o in overrides if not may_differ(o) or (shaping and SPARSITY in o)]
        rest = tuple(fixed)
        keys = tuple(sorted(key_of(o) for o in overrides if o not in fixed))
        found.setdefault((rest, keys), []).append(number)
    return [group[i : i + most] for group in found.values() for i in range(0, len(group), most)]


def values_of(overrides: Sequence[str]) -> dict[str, Any]:
    """The values in which replicas may differ, by key."""
    own = [o for o in overrides if may_differ(o)]
    parsed = OverridesParser.create().parse_overrides(own)
    return {o.get_key_element().lstrip("+"): o.value() for o in parsed}


def write_group(file: Path, replicas: Sequence[Replica]) -> Path:
    """For the job that trains them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [asdict(replica) | {"folder": str(replica.folder)} for replica in replicas]
    return write_whole(file, json.dumps(rows, indent=1) + "\n")


def read_group(file: Path) -> list[Replica]:
    """What `write_group` wrote.

    Raises:
        InvalidSetting: if it did not.
    """
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
        return [Replica(**{**row, "folder": Path(row["folder"])}) for row in rows]
    except (OSError, TypeError, ValueError, KeyError) as error:
        raise InvalidSetting(f"sweep.group={file} is no group of jobs: {error}") from error

"""What advice looks at in a task: four numbers, read off a run or asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, final

from triptych.result import Result


@final
@dataclass(frozen=True)
class Task:
    """Each is None where it is not known.

    Attributes:
        samples: for training.
        features: of a sample.
        classes: to tell apart.
        rules: how many different rules lead from features to classes, each for samples of its own.
    """

    samples: int | None
    features: int | None
    classes: int | None
    rules: int | None

    @property
    def known(self) -> dict[str, int]:
        """What is known, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}


AXES = tuple(field.name for field in fields(Task))

# Features and rules. Where the class is the family of a signal, nobody can say how many rules.
_DATA: Mapping[str, Callable[[Mapping[str, Any]], tuple[int, int | None]]] = {
    "ClustersData": lambda data: (data["d_in"], data["num_clusters"]),
    "SupportData": lambda data: (data["d_in"], 1),
    "AttributesData": lambda data: (data["seq_len"], data["num_families"]),
    "MultimodalData": lambda data: (data["seq_len"], None),
    "PatchesData": lambda data: (4 * data["d_patch"], data["num_clusters"]),
    "TwoFeaturesData": lambda data: (2, 4),
}


def data_name(result: Result) -> str:
    """The class of a run's data; empty where no configuration was recorded."""
    return str(result.config.get("data", {}).get("_target_", "")).rpartition(".")[2]


def task_of(result: Result) -> Task:
    """The task of a run, from its configuration and the names of its classes."""
    data = result.config.get("data", {})
    name = data_name(result)
    features, rules = _DATA[name](data) if name in _DATA else (None, None)
    return Task(data.get("n_train"), features, len(result.tables.get("classes", ())) or None, rules)

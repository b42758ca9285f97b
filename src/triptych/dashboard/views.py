"""The kinds of views, as plain data. A view names metrics, settings and tables; whoever renders it
decides how it looks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, final

PANELS = ("ffn", "sparse", "moe")

X = Literal["step", "flops", "seconds"]
X_METRICS: Mapping[X, str] = {"flops": "compute/train_flops", "seconds": "time/train_s"}
"""What is logged along with every curve; steps are what loggers count themselves."""


def is_named(metric: str, key: str) -> bool:
    """Whether a view's metric means a key; `*` stands for one layer, family or expert.

    >>> is_named("val/moe/*/max_load", "val/moe/block_0/max_load")
    True
    >>> is_named("val/acc", "val/acc/family/steps"), is_named("val/*", "val/moe/block_0")
    (False, False)
    """
    return re.fullmatch(pattern(metric), key) is not None


def pattern(metric: str) -> str:
    """A view's metric as a regular expression for the whole of a key.

    >>> pattern("val/moe/*/load/*")
    'val/moe/[^/]+/load/[^/]+'
    """
    return "[^/]+".join(map(re.escape, metric.split("*")))


@final
@dataclass(frozen=True)
class Value:
    """One number of a run.

    Attributes:
        metric: its key, without `*`.
        title: with its unit.
        kept: which of the values that the metric had.
        is_log: whether it is spread over magnitudes.
    """

    metric: str
    title: str
    kept: Literal["last", "max", "min"] = "last"
    is_log: bool = False


@final
@dataclass(frozen=True)
class Curves:
    """Metrics over the training, a line for each setting with a band over its seeds.

    Attributes:
        metrics: keys, see `is_named`.
        x: what they are drawn against.
        panels: that log every one of the metrics.
    """

    title: str
    metrics: tuple[str, ...]
    x: X = "step"
    panels: tuple[str, ...] = PANELS


@final
@dataclass(frozen=True)
class Points:
    """Every run as a point."""

    title: str
    x: Value
    y: Value
    panels: tuple[str, ...] = PANELS


@final
@dataclass(frozen=True)
class Rank:
    """Settings side by side, by one value of their runs."""

    title: str
    value: Value
    panels: tuple[str, ...] = PANELS


@final
@dataclass(frozen=True)
class Parallel:
    """Every run as a line through its settings to its values."""

    title: str
    settings: tuple[str, ...]
    values: tuple[Value, ...]
    panels: tuple[str, ...] = PANELS


@final
@dataclass(frozen=True)
class Importance:
    """How much a value depends on each setting, over the runs at hand."""

    title: str
    settings: tuple[str, ...]
    value: Value
    panels: tuple[str, ...] = PANELS


@final
@dataclass(frozen=True)
class Comparison:
    """Two runs: the settings in which they differ, and their values."""

    title: str
    settings: tuple[str, ...]
    panels: tuple[str, ...] = PANELS


@final
@dataclass(frozen=True)
class Heat:
    """Experts against families by layer, after each evaluation."""

    title: str
    table: str
    panels: tuple[str, ...] = PANELS


@final
@dataclass(frozen=True)
class Table:
    """A table of the last test."""

    title: str
    table: str
    panels: tuple[str, ...] = PANELS


@final
@dataclass(frozen=True)
class Words:
    """A text of short paragraphs."""

    title: str
    text: str
    panels: tuple[str, ...] = PANELS


View = Curves | Points | Rank | Parallel | Importance | Comparison | Heat | Table | Words


@final
@dataclass(frozen=True)
class Section:
    """Views that answer one question."""

    title: str
    views: tuple[View, ...]

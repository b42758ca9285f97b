"""The sections of the dashboard as plain content, and what runs must bring along for them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from triptych.dashboard import (
    X_METRICS,
    Curves,
    Heat,
    Importance,
    Parallel,
    Points,
    Rank,
    Section,
    Table,
    Value,
    View,
    is_named,
)


def plain(sections: Iterable[Section]) -> list[dict[str, Any]]:
    """Sections with their views, each with its `kind`, the name of its class."""
    return [
        {
            "title": section.title,
            "views": [{"kind": type(view).__name__, **asdict(view)} for view in section.views],
        }
        for section in sections
    ]


def views(sections: Iterable[Section]) -> list[View]:
    """All views, in order."""
    return [view for section in sections for view in section.views]


def values(sections: Iterable[Section]) -> list[Value]:
    """Every value that some view shows, once."""
    return list(dict.fromkeys(_values(views(sections))))


def identity(value: Value) -> str:
    """The key under which a run keeps a value."""
    return f"{value.metric} {value.kept}"


def tables(sections: Iterable[Section]) -> set[str]:
    """The names of the tables that some view shows."""
    return {view.table for view in views(sections) if isinstance(view, Heat | Table)}


def curve_keys(sections: Iterable[Section], panel: str, keys: Iterable[str]) -> list[str]:
    """Those of the keys that a view draws for runs of a panel, with what they are drawn against."""
    wanted = [
        metric
        for view in views(sections)
        if isinstance(view, Curves) and panel in view.panels
        for metric in view.metrics
    ]
    metrics: Sequence[str] = (*dict.fromkeys(wanted), *X_METRICS.values())
    return [key for key in keys if any(is_named(metric, key) for metric in metrics)]


def _values(every: Iterable[View]) -> Iterator[Value]:
    for view in every:
        match view:
            case Points():
                yield from (view.y, view.x)
            case Parallel():
                yield from view.values
            case Rank() | Importance():
                yield view.value
            case _:
                continue

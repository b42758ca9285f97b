"""What a dashboard shows, said once: rendered to a W&B workspace and to the local page."""

from triptych.dashboard.contents import SECTIONS, SETTINGS
from triptych.dashboard.views import (
    PANELS,
    X_METRICS,
    Comparison,
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
    Words,
    is_named,
    pattern,
)

__all__ = [
    "PANELS",
    "SECTIONS",
    "SETTINGS",
    "X_METRICS",
    "Comparison",
    "Curves",
    "Heat",
    "Importance",
    "Parallel",
    "Points",
    "Rank",
    "Section",
    "Table",
    "Value",
    "View",
    "Words",
    "is_named",
    "pattern",
]

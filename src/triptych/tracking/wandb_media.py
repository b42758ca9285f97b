"""The tables of a test as media of wandb, which is imported by then."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from triptych.tracking.flat import flattened
from triptych.tracking.heatmap import heatmap

HEATMAPS = "heatmaps/routing"


def table_key(name: str) -> str:
    """Under which a table is logged.

    >>> table_key("routing")
    'tables/routing'
    """
    return f"tables/{name}"


def media_of(tables: Mapping[str, Any]) -> dict[str, Any]:
    """A fresh `wandb.Table` of each table, as one that was logged cannot change; and under one key
    the heatmaps of all MoE layers, so that a panel finds them however many there are."""
    import wandb
    from PIL.Image import open as picture

    found: dict[str, Any] = {
        table_key(name): wandb.Table(columns=list(flat.columns), data=[*map(list, flat.rows)])
        for name, flat in flattened(tables).items()
    }
    if layers := tables.get("routing"):
        found[HEATMAPS] = [
            wandb.Image(
                picture(BytesIO(heatmap(tables["families"], layer))), caption=layer["layer"]
            )
            for layer in layers
        ]
    return found

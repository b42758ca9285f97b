"""The tables of a test as media of wandb, which is imported by then."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from triptych.tracking.flat import flattened
from triptych.tracking.heatmap import heatmap


def table_key(name: str) -> str:
    """Under which a table is logged.

    >>> table_key("routing")
    'tables/routing'
    """
    return f"tables/{name}"


def heatmaps_key(name: str) -> str:
    """Under which the heatmaps of a table are logged, those of all layers.

    >>> heatmaps_key("routing")
    'heatmaps/routing'
    """
    return f"heatmaps/{name}"


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
        found[heatmaps_key("routing")] = [
            wandb.Image(
                picture(BytesIO(heatmap(tables["families"], layer))), caption=layer["layer"]
            )
            for layer in layers
        ]
    return found

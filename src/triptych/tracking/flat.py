"""The tables of a test as rows under columns, as trackers and spreadsheets want them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

Cell = str | float | None


@final
@dataclass(frozen=True)
class Flat:
    """One table: each row has a cell for each column; None where nothing was measured."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def flattened(tables: Mapping[str, Any]) -> dict[str, Flat]:
    """Those that an evaluation of the test split found, by name.

    Args:
        tables: as in `result.json`.
    """
    found: dict[str, Flat] = {}
    if "confusion" in tables:
        found["confusion"] = confusion(tables["classes"], tables["confusion"])
        found["classes"] = accuracies(tables["classes"], tables["confusion"])
    if "calibration" in tables:
        found["calibration"] = calibration(tables["calibration"])
    if "routing" in tables:
        found["routing"] = routing(tables["families"], tables["routing"])
    if "density" in tables:
        found["density"] = density(tables["density"])
    return found


def shares(counts: Sequence[float]) -> list[float]:
    """Counts over their sum; zeros where there is nothing to share.

    >>> shares([1, 3]), shares([0, 0])
    ([0.25, 0.75], [0.0, 0.0])
    """
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]


def confusion(classes: Sequence[str], counts: Sequence[Sequence[int]]) -> Flat:
    """A row for each pair of classes.

    Args:
        counts: (C, C), the true class first.
    """
    rows = (
        (true, predicted, count)
        for true, found in zip(classes, counts, strict=True)
        for predicted, count in zip(classes, found, strict=True)
    )
    return Flat(("class", "predicted", "samples"), tuple(rows))


def accuracies(classes: Sequence[str], counts: Sequence[Sequence[int]]) -> Flat:
    """A row for each class: its samples, and the share of them that was recognised.

    >>> accuracies(["a", "b"], [[3, 1], [0, 0]]).rows
    (('a', 4, 0.75), ('b', 0, None))
    """
    rows = (
        (name, sum(found), found[index] / sum(found) if sum(found) else None)
        for index, (name, found) in enumerate(zip(classes, counts, strict=True))
    )
    return Flat(("class", "samples", "accuracy"), tuple(rows))


def calibration(bins: Mapping[str, Sequence[Cell]]) -> Flat:
    """A row for each bin of confidence that holds samples."""
    columns = ("count", "confidence", "accuracy")
    rows = zip(*(bins[column] for column in columns), strict=True)
    return Flat(("samples", *columns[1:]), tuple(row for row in rows if row[0]))


def routing(families: Sequence[str], layers: Sequence[Mapping[str, Any]]) -> Flat:
    """A row for each layer, expert and family: the share of the family's routes that the expert
    gets, and the mean probability that the router gives it."""
    rows = (
        (layer["layer"], expert, family, share, probability)
        for layer in layers
        for family, counts, means in zip(
            families, layer["topk_by_family"], layer["prob_by_family"], strict=True
        )
        for expert, (share, probability) in enumerate(zip(shares(counts), means, strict=True))
    )
    return Flat(("layer", "expert", "family", "share of routes", "mean probability"), tuple(rows))


def density(layers: Sequence[Mapping[str, Cell]]) -> Flat:
    """A row for each layer with all that is known of it."""
    columns = tuple(dict.fromkeys(key for layer in layers for key in layer))
    return Flat(columns, tuple(tuple(layer.get(key) for key in columns) for layer in layers))

"""Run folders as one plain dictionary, which the page is drawn from."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, final
from urllib.parse import quote

from triptych.dashboard import SETTINGS, Section, Value
from triptych.evaluations import read
from triptych.report.dashboard import heats, specification
from triptych.report.dashboard.curves import Curve, most_points, read_curve, stride
from triptych.report.dashboard.knobs import Knob, knobs_of
from triptych.report.dashboard.numbers import short, shortened
from triptych.report.palette import panel_styles
from triptych.report.records import require_records
from triptych.report.runs import CURVES, PANELS
from triptych.report.settings import setting_keys, setting_labels
from triptych.result import FILE, Result

Plain = dict[str, Any]
# Of a table's columns, those that no view shows and that would only make a page larger.
_UNSEEN = ("confidence",)


@final
@dataclass(frozen=True)
class _Found:
    """A run as its files tell it."""

    folder: Path
    result: Result
    setting: str
    curve: Curve
    drawn: Curve
    heat: list[heats.Heat]
    knobs: Mapping[str, Knob]


def collect(roots: Sequence[Path], page: Path, sections: Sequence[Section]) -> Plain:
    """All runs below the roots, whatever their status, with what the sections show of them.

    Args:
        roots: run folders, sweep folders or folders above them.
        page: where the page will lie; links to runs start from there.
        sections: of the dashboard.

    Raises:
        InvalidSetting: if a root is missing, or no run that can be read lies below any.
    """
    records, unreadable = require_records(roots)
    bad = [f"{one.folder / FILE} is {one.reason}" for one in unreadable]
    found = sorted(_found(records, sections), key=_order)
    points = most_points(sum(len(one.drawn.columns) for one in found))
    most = heats.most_evaluations(sum(heats.cells(one.heat) for one in found))
    strides = {
        label: stride([len(one.drawn.steps) for one in found if one.setting == label], points)
        for label in dict.fromkeys(one.setting for one in found)
    }
    values = specification.values(sections)
    styles = panel_styles({one.setting: one.result.panel for one in found})
    return {
        "sections": specification.plain(sections),
        "values": [_value(value) for value in values],
        "knobs": list(SETTINGS),
        "settings": [
            {"label": label, "panel": _panel_of(label, found), **vars(styles[label])}
            for label in strides
        ],
        "runs": [
            _run(one, values, strides[one.setting], most, _group(one.folder, roots), page)
            for one in found
        ],
        "notes": [*(f"Left out: {text}." for text in bad), *_twins(found)],
        "thinned": _thinned(found, strides, most),
    }


def _found(records: Sequence[tuple[Path, Result]], sections: Sequence[Section]) -> Iterable[_Found]:
    results = [result for _, result in records]
    keys = setting_keys(results)
    labels = setting_labels(keys)
    curves = [read_curve(folder) for folder, _ in records]
    logged = dict.fromkeys(key for curve in curves for key in curve.columns)
    wanted = {
        panel: specification.curve_keys(sections, panel, logged)
        for panel in {result.panel for result in results}
    }
    tables = sorted(specification.tables(sections) & {"routing"})
    knobs = knobs_of(results, SETTINGS)
    for (folder, result), key, curve, turned in zip(records, keys, curves, knobs, strict=True):
        evaluated = read(folder) if tables else []
        heat = [one for table in tables for one in heats.heat_of(evaluated, result.tables, table)]
        drawn = curve.only(wanted[result.panel])
        yield _Found(folder, result, labels[key], curve, drawn, heat, turned)


def _run(
    one: _Found, values: Iterable[Value], every: int, most: int, group: str, page: Path
) -> Plain:
    result = one.result
    curve = one.drawn.thinned(every, with_last=result.status == "finished")
    error = (result.error or {}).get("message", "")
    return {
        "id": result.id,
        "name": result.name,
        "setting": one.setting,
        "panel": result.panel,
        "seed": result.seed,
        "status": result.status,
        "group": group,
        "link": quote(Path(os.path.relpath(one.folder / FILE, page.resolve().parent)).as_posix()),
        "overrides": " ".join(map(str, result.overrides)),
        "started": result.started,
        "changed": _changed(one.folder),
        "error": str(error).strip().splitlines()[0] if str(error).strip() else "",
        "early": str(result.ended_early.get("reason", "")),
        "knobs": one.knobs,
        "values": {
            specification.identity(value): number
            for value in values
            if (number := short(_number(one, value))) is not None
        },
        "steps": curve.steps,
        "curves": {key: shortened(column) for key, column in curve.columns.items()},
        "heat": heats.evenly(one.heat, most),
        "tables": _tables(result.tables),
    }


def _number(one: _Found, value: Value) -> float | None:
    """From the curve, which a run has while it runs; else from its record."""
    match value.kept:
        case "last":
            number = one.curve.last(value.metric)
            parts = ("test", "final")
        case "max":
            number, parts = one.curve.most(value.metric), ("best",)
        case "min":
            number, parts = one.curve.least(value.metric), ("best",)
    if number is not None:
        return number
    recorded = (one.result.metrics.get(part, {}).get(value.metric) for part in parts)
    return next((number for number in recorded if number is not None), None)


def _tables(tables: Mapping[str, Any]) -> Plain:
    pruned = {
        name: [
            {k: v for k, v in row.items() if k not in _UNSEEN} if isinstance(row, dict) else row
            for row in table
        ]
        if isinstance(table, list)
        else table
        for name, table in tables.items()
    }
    return shortened(pruned)


def _value(value: Value) -> Plain:
    return {
        "id": specification.identity(value),
        "title": value.title,
        "log": value.is_log,
    }


def _panel_of(label: str, found: Iterable[_Found]) -> str:
    return next(one.result.panel for one in found if one.setting == label)


def _group(folder: Path, roots: Sequence[Path]) -> str:
    """The folder that a run lies in, as seen from where the page was asked to look."""
    for root in roots:
        place = root.resolve()
        if place in folder.parents:
            above = folder.parent.relative_to(place).as_posix()
            named = place.name if above == "." else above
            return named if len(roots) == 1 or above == "." else f"{place.name}/{above}"
    return folder.parent.name


def _changed(folder: Path) -> str:
    """When the record or the curve was written last, in ISO 8601."""
    files = (folder / name for name in (FILE, CURVES))
    last = max((file.stat().st_mtime for file in files if file.is_file()), default=0.0)
    return datetime.fromtimestamp(last, UTC).isoformat(timespec="seconds")


def _order(one: _Found) -> tuple[int, list[tuple[float, str]], str, int, str]:
    panel = one.result.panel
    place = PANELS.index(panel) if panel in PANELS else len(PANELS)
    turned = [_as_number(one.knobs.get(name)) for name in SETTINGS]
    return place, turned, one.setting, one.result.seed, one.result.started


def _as_number(value: Knob) -> tuple[float, str]:
    if isinstance(value, int | float):
        return float(value), ""
    return float("inf"), str(value)


def _twins(found: Iterable[_Found]) -> list[str]:
    counted = Counter(
        (one.setting, one.result.seed) for one in found if one.result.status == "finished"
    )
    return [
        f"{setting}, seed {seed}: {count} finished runs; all of them are shown and count."
        for (setting, seed), count in counted.items()
        if count > 1
    ]


def _thinned(found: Sequence[_Found], strides: Mapping[str, int], most: int) -> str:
    """What was left out to keep the page small, in words; empty if nothing was."""
    said: list[str] = []
    if max(strides.values()) > 1:
        rare = max(strides.values())
        said.append(f"long curves show up to every {rare}th point")
    if any(len(one.heat) > most for one in found):
        said.append(f"heatmaps show {most} evaluations of each run")
    return ("To keep the page small, " + " and ".join(said) + ".") if said else ""

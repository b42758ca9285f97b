"""Curves of one setting over training: the mean of its seeds in a band from lowest to highest."""

from collections.abc import Mapping

import pandas as pd

from triptych.report.chart import Line
from triptych.report.palette import Style
from triptych.report.runs import Runs

BAND = (
    "line = mean of the seeds, band = lowest to highest seed, epochs that all seeds reached; a "
    "seed whose log starts later than the others', as after a resume, is left out"
)


def seed_line(
    runs: Runs, setting: str, style: Style, x: str, y: str, factor: float = 1.0
) -> Line | None:
    """Column `y` (times `factor`) against column `x` for one setting; None where not logged.

    Both are averaged epoch by epoch over the seeds. Epochs that only some of the seeds reached are
    left out: a mean over fewer and fewer seeds would bend the line. So is a seed whose log starts
    late: it would cut the beginning off all others. One seed has no band.
    """
    curves = [run.curve for run in runs.of(setting) if {x, y, "epoch"} <= set(run.curve.columns)]
    columns = [
        pd.DataFrame({"x": c[x].values, "y": c[y].values}, c["epoch"].tolist()) for c in curves
    ]
    filled = [table.dropna() for table in columns if not table.dropna().empty]
    if not filled:
        return None
    starts = [min(table.index.tolist()) for table in filled]
    kept = [t for t, start in zip(filled, starts, strict=True) if start == min(starts)]
    table = pd.concat(kept, axis=1, join="inner", keys=range(len(kept))).sort_index()
    if table.empty:
        return None
    ys = table.xs("y", axis=1, level=1) * factor
    means = table.xs("x", axis=1, level=1).mean(axis=1).tolist()
    band = (ys.min(axis=1).tolist(), ys.max(axis=1).tolist()) if len(kept) > 1 else ((), ())
    return Line(setting, style, means, ys.mean(axis=1).tolist(), *band)


def seed_lines(
    runs: Runs, styles: Mapping[str, Style], x: str, y: str, factor: float = 1.0
) -> list[Line]:
    """One such line for each setting that logged both columns."""
    lines = [seed_line(runs, name, styles[name], x, y, factor) for name in runs.settings]
    return [line for line in lines if line is not None]

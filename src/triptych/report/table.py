"""The results table, one row per setting: numbers, and text for terminal, Markdown and HTML."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from triptych.report.runs import Run, Runs

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """One column of the text table: its heading, its unit in words, and how a cell is written."""

    key: str
    heading: str
    meaning: str
    write: Callable[[Row], str]


def summarise(runs: Runs) -> pd.DataFrame:
    """One row per setting: its runs, mean test accuracy (a share) and sd, means of the rest.

    The sd is NaN for a single run, and so is what no run of the setting measured.
    """
    return pd.DataFrame([_summary(name, runs.of(name)) for name in runs.settings])


def terminal_table(summary: pd.DataFrame) -> RichTable:
    """The table for a terminal of 80 columns: what matters most; the files have every column."""
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, title="Means over seeds, accuracy ± sd")
    columns = [column for column in COLUMNS if column.key in _TERMINAL]
    for column in columns:
        side = "left" if column.key == "setting" else "right"
        table.add_column(column.heading, justify=side, no_wrap=side == "right", overflow="fold")
    for row in _records(summary):
        table.add_row(*(Text(column.write(row)) for column in columns))
    return table


def markdown_table(summary: pd.DataFrame) -> str:
    """The table in Markdown."""
    head = [column.heading for column in COLUMNS]
    ruler = [":--", *["--:"] * (len(COLUMNS) - 1)]
    rows = [[cell.replace("|", "\\|") for cell in row] for row in _rows(summary)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ruler, *rows]) + "\n"


def html_table(summary: pd.DataFrame) -> str:
    """The table in HTML; `data-value` holds the number by which a column is sorted."""
    head = "".join(
        f'<th scope="col" title="{escape(c.meaning)}"><button>{escape(c.heading)}</button></th>'
        for c in COLUMNS
    )
    body = "".join(
        f"<tr>{''.join(_html_cell(column, row) for column in COLUMNS)}</tr>"
        for row in _records(summary)
    )
    return f'<table class="sortable"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def short_number(value: float) -> str:
    """Three significant digits with k, M, G, T; a dash for NaN.

    >>> short_number(87_680), short_number(512), short_number(float("nan"))
    ('87.7 k', '512', '-')
    """
    if math.isnan(value):
        return "-"
    for factor, letter in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= factor:
            return f"{float(f'{value / factor:.3g}'):g}{letter}"
    return f"{float(f'{value:.3g}'):g}"


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.2f} %"


def _accuracy(row: Row) -> str:
    mean, sd = float(row["test_acc"]), float(row["test_acc_sd"])
    return _percent(mean) if math.isnan(sd) else f"{100 * mean:.2f} ± {_percent(sd)}"


def _runs(row: Row) -> str:
    early = f" ({row['ended_early']} early)" if row["ended_early"] else ""
    return f"{row['runs']}{early}"


def _loss(row: Row) -> str:
    return "-" if math.isnan(row["test_loss"]) else f"{row['test_loss']:.4f}"


def _short(key: str) -> Callable[[Row], str]:
    return lambda row: short_number(float(row[key]))


COLUMNS: Sequence[Column] = (
    Column("setting", "Setting", "panel and knobs", lambda row: str(row["setting"])),
    Column("runs", "Runs", "finished runs, one per seed; of them ended early", _runs),
    Column("test_acc", "Test acc.", "mean ± standard deviation over seeds", _accuracy),
    Column("test_loss", "Test loss", "mean cross entropy in nats", _loss),
    Column(
        "val_acc",
        "Val. acc.",
        "at the checkpoint that was tested",
        lambda row: _percent(row["val_acc"]),
    ),
    Column(
        "val_acc_final",
        "Final val. acc.",
        "validation accuracy after the last epoch",
        lambda row: _percent(row["val_acc_final"]),
    ),
    Column("params_total", "Params", "parameters that the net has", _short("params_total")),
    Column("params_active", "Active", "parameters that one sample meets", _short("params_active")),
    Column("flops", "FLOPs", "needed by the architecture for one sample", _short("flops")),
    Column(
        "flops_executed",
        "Executed",
        "FLOPs that the kernels in use multiply for one sample",
        _short("flops_executed"),
    ),
    Column("seconds", "Seconds", "the whole run, wall clock", _short("seconds")),
    Column("samples_per_s", "Samples / s", "while training", _short("samples_per_s")),
    Column("step_ms", "ms / step", "mean of the last epoch's steps", _short("step_ms")),
)


def _summary(setting: str, runs: Sequence[Run]) -> dict[str, object]:
    frame = pd.DataFrame(
        {
            "test_acc": run.test_accuracy,
            "test_loss": run.result.metrics.get("test", {}).get("test/loss", math.nan),
            "val_acc": run.result.metrics.get("best", {}).get("val/acc", math.nan),
            "val_acc_final": _final(run, "val/acc"),
            **{name: run.result.cost.get(name, math.nan) for name in _COSTS},
            "seconds": run.result.seconds.get("total", math.nan),
            "samples_per_s": run.result.samples_per_s,
            "step_ms": _final(run, "time/step_ms"),
        }
        for run in runs
    )
    means = frame.mean()
    spread = {"test_acc_sd": frame["test_acc"].std(ddof=1)}
    early = sum(1 for run in runs if run.result.ended_early)
    counts = {"setting": setting, "runs": len(runs), "ended_early": early}
    return {**counts, "test_acc": means.pop("test_acc"), **spread, **means.to_dict()}


def _final(run: Run, key: str) -> float:
    value: float | None = run.result.metrics.get("final", {}).get(key)
    return math.nan if value is None else value  # JSON has no NaN


_TERMINAL = {
    "setting",
    "runs",
    "test_acc",
    "params_total",
    "params_active",
    "flops",
    "seconds",
}
_COSTS = ("params_total", "params_active", "flops", "flops_executed")


def _records(summary: pd.DataFrame) -> list[dict[str, Any]]:
    return [dict(zip(summary.columns, row, strict=True)) for row in summary.to_numpy().tolist()]


def _rows(summary: pd.DataFrame) -> list[list[str]]:
    return [[column.write(row) for column in COLUMNS] for row in _records(summary)]


def _html_cell(column: Column, row: Row) -> str:
    text = escape(column.write(row))
    if column.key == "setting":
        return f'<th scope="row" data-value="{text}">{text}</th>'
    value = float(row[column.key])
    return f'<td data-value="{"" if math.isnan(value) else repr(value)}">{text}</td>'

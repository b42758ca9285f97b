"""The results table: one row per setting, as numbers (CSV) and as text (terminal, Markdown, HTML)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd
from rich.table import Table as RichTable

from triptych.report.runs import Run, Runs


@dataclass(frozen=True)
class Column:
    """One column of the text table: its heading, its unit in words, and how a cell is written."""

    key: str
    heading: str
    meaning: str
    write: Callable[[pd.Series], str]


def summarise(runs: Runs) -> pd.DataFrame:
    """One row per setting: number of runs, accuracy (shares) with its sd over seeds, means of the rest.

    The sd is NaN for a single run, and so is what no run of the setting measured.
    """
    return pd.DataFrame([_summary(name, runs.of(name)) for name in runs.settings])


def terminal_table(summary: pd.DataFrame) -> RichTable:
    """The table for a terminal."""
    table = RichTable(title="Means over seeds, accuracy ± sd")
    for column in COLUMNS:
        table.add_column(column.heading, justify="left" if column.key == "setting" else "right")
    for row in _rows(summary):
        table.add_row(*row)
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
        for _, row in summary.iterrows()
    )
    return (
        f'<table class="sortable"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def short_number(value: float) -> str:
    """Three significant digits with k, M, G, T; a dash for NaN.

    >>> short_number(87_680), short_number(512), short_number(float("nan"))
    ('87.7 k', '512', '–')
    """
    if math.isnan(value):
        return "–"
    for factor, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{_three(value / factor)} {letter}"
    return _three(value)


def _three(value: float) -> str:
    if value == 0:
        return "0"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}".rstrip("0").rstrip(".") if (
        abs(value) < 100
    ) else f"{value:.0f}"


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.2f}"


def _accuracy(row: pd.Series) -> str:
    mean, sd = float(row["test_acc"]), float(row["test_acc_sd"])
    return f"{_percent(mean)} %" if math.isnan(sd) else f"{_percent(mean)} ± {_percent(sd)} %"


def _loss(row: pd.Series) -> str:
    return "–" if math.isnan(row["test_loss"]) else f"{row['test_loss']:.4f}"


def _short(key: str) -> Callable[[pd.Series], str]:
    return lambda row: short_number(float(row[key]))


COLUMNS: Sequence[Column] = (
    Column("setting", "Setting", "panel and knobs", lambda row: str(row["setting"])),
    Column("runs", "Runs", "finished runs, one per seed", lambda row: str(row["runs"])),
    Column("test_acc", "Test accuracy", "mean ± standard deviation over seeds", _accuracy),
    Column("test_loss", "Test loss", "mean cross entropy in nats", _loss),
    Column(
        "val_acc",
        "Val. accuracy",
        "at the checkpoint that was tested",
        lambda row: f"{_percent(row['val_acc'])} %".replace("– %", "–"),
    ),
    Column("params_total", "Parameters", "parameters that the net has", _short("params_total")),
    Column("params_active", "Active", "parameters that one sample meets", _short("params_active")),
    Column("flops", "FLOPs / sample", "needed by the architecture", _short("flops")),
    Column("flops_executed", "executed", "multiplied by the kernels in use", _short("flops_executed")),
    Column("seconds", "Seconds", "the whole run, wall clock", _short("seconds")),
    Column("samples_per_s", "Samples / s", "while training", _short("samples_per_s")),
)


def _summary(setting: str, runs: Sequence[Run]) -> dict[str, object]:
    frame = pd.DataFrame(
        {
            "test_acc": run.test_accuracy,
            "test_loss": run.result.metrics.get("test", {}).get("test/loss", math.nan),
            "val_acc": run.result.metrics.get("best", {}).get("val/acc", math.nan),
            **{name: run.result.cost.get(name, math.nan) for name in _COSTS},
            "seconds": run.result.seconds.get("total", math.nan),
            "samples_per_s": run.result.samples_per_s,
        }
        for run in runs
    )
    means = frame.mean()
    spread = {"test_acc_sd": frame["test_acc"].std(ddof=1)}
    summary = {"setting": setting, "runs": len(runs), "test_acc": means.pop("test_acc")}
    return {**summary, **spread, **means.to_dict()}


_COSTS = ("params_total", "params_active", "flops", "flops_executed")


def _rows(summary: pd.DataFrame) -> list[list[str]]:
    return [[column.write(row) for column in COLUMNS] for _, row in summary.iterrows()]


def _html_cell(column: Column, row: pd.Series) -> str:
    text = escape(column.write(row))
    if column.key == "setting":
        return f'<th scope="row" data-value="{text}">{text}</th>'
    value = float(row[column.key])
    return f'<td data-value="{"" if math.isnan(value) else repr(value)}">{text}</td>'

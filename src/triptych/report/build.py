"""From run folders to a report on disk: the one function that the scripts and the sweep call."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from triptych.report.figures import charts
from triptych.report.headline import Headline, headline
from triptych.report.matplotlib_chart import save_png
from triptych.report.page import Content, render_page
from triptych.report.runs import Runs, curves_frame, load_runs, runs_frame
from triptych.report.table import markdown_table, summarise
from triptych.result import write_whole

TITLE = "Dense, sparse or mixture of experts?"


@dataclass(frozen=True, eq=False)
class Report:
    """A report on disk: what to print about it, and where it is.

    Attributes:
        summary: one row per setting, for `triptych.report.terminal_table`.
        page: the path of `index.html`.
    """

    summary: pd.DataFrame
    headline: Headline
    runs: Runs
    page: Path


def build_report(roots: Sequence[Path], out: Path, title: str = TITLE) -> Report:
    """Writes page, tables and figures for all runs below `roots` into the folder `out`.

    Without a finished run the page lists what happened instead.

    Raises:
        InvalidSetting: if a root is missing, or no run that can be read lies below any.
    """
    runs = load_runs(roots)
    answer = headline(runs)
    summary = summarise(runs)
    drawn = charts(runs, answer.comparisons)
    (out / "figures").mkdir(parents=True, exist_ok=True)
    for stale in (out / "figures").glob("*.png"):
        stale.unlink()
    for chart in drawn:
        save_png(chart, out / "figures")
    summary.to_csv(out / "table.csv", index=False)
    runs_frame(runs).to_csv(out / "runs.csv", index=False)
    curves_frame(runs).to_csv(out / "curves.csv", index=False)
    write_whole(out / "table.md", markdown_table(summary))
    content = Content(title, answer, summary, runs, drawn, declared_notes(runs))
    page = write_whole(out / "index.html", render_page(content))
    return Report(summary, answer, runs, page)


def declared_notes(runs: Runs) -> list[str]:
    """The caveats that the configurations of the runs declare under `sweep.notes`, each once."""
    listed = [
        str(note)
        for run in (*runs.finished, *runs.others)
        for note in (run.result.config.get("sweep") or {}).get("notes") or []
    ]
    return list(dict.fromkeys(listed))

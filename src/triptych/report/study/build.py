"""From the folder of a study to its page and tables."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from rich.console import Console

from triptych.report.chart import Chart
from triptych.report.matplotlib_chart import save_png
from triptych.report.study import tables
from triptych.report.study.answer import against_ceilings, answers, expectations, rates_at_ends
from triptych.report.study.claims import Claim, judged
from triptych.report.study.differences import Difference, differences
from triptych.report.study.figures import against, arm_styles, over_cells
from triptych.report.study.frontier import frontier
from triptych.report.study.outcomes import Outcomes, read_outcomes
from triptych.report.study.page import study_markdown, study_page
from triptych.report.study.speed import speed
from triptych.report.study.winners import winners
from triptych.result import write_whole


@final
@dataclass(frozen=True, eq=False)
class StudyReport:
    """A study's report on disk.

    Attributes:
        said: the answer in words.
        claims: what was expected, judged.
        tables: by their titles.
        charts: the figures of the page.
    """

    outcomes: Outcomes
    said: Sequence[str]
    differences: Sequence[Difference]
    claims: Sequence[Claim]
    tables: Mapping[str, tables.Rows]
    charts: Sequence[Chart]
    page: Path


def build_study_report(folder: Path, out: Path) -> StudyReport:
    """Writes page, tables and figures of the study in `folder` into the folder `out`.

    Raises:
        InvalidSetting: if there is none.
    """
    outcomes = read_outcomes(folder)
    found, claims = differences(outcomes), judged(outcomes)
    arms = tables.arms_frame(outcomes)
    told = tables.sections(outcomes, arms, found, claims)
    charts = study_charts(outcomes, found)
    (out / "figures").mkdir(parents=True, exist_ok=True)
    for stale in (out / "figures").glob("*.png"):
        stale.unlink()
    for chart in charts:
        save_png(chart, out / "figures")
    arms.to_csv(out / "arms.csv", index=False)
    tables.runs_frame(outcomes).to_csv(out / "runs.csv", index=False)
    tables.differences_frame(found).to_csv(out / "differences.csv", index=False)
    notes = (against_ceilings(outcomes), rates_at_ends(outcomes), expectations(claims))
    said = [line for line in (*answers(found), *notes) if line]
    write_whole(out / "table.md", study_markdown(outcomes, said, told))
    runs = Path(os.path.relpath(folder.resolve(), out.resolve())).as_posix()
    page = write_whole(out / "index.html", study_page(outcomes, said, told, charts, runs))
    return StudyReport(outcomes, said, found, claims, told, charts, page)


def study_charts(outcomes: Outcomes, found: Sequence[Difference]) -> list[Chart]:
    """The figures that the study has something to draw in."""
    styles = arm_styles(outcomes)
    drawn = (
        over_cells(outcomes, styles),
        winners(outcomes, styles),
        against(found, styles),
        frontier(outcomes, styles),
        speed(outcomes),
    )
    return [chart for chart in drawn if chart is not None]


def print_study_report(report: StudyReport) -> None:
    """The accuracies, the answer and the claims, as plain lines."""
    console = Console(width=200, highlight=False)
    accuracies = tables.markdown(report.tables.get(tables.ACCURACIES, [[]])).splitlines()
    claims = report.tables.get(tables.CLAIMS, [[]])[1:]
    judged = [f"{word}: {text} ({needed}; {value})" for text, needed, value, _, word in claims]
    for line in (*accuracies, *report.said, *judged, f"Report: {report.page}"):
        console.print(line, markup=False, soft_wrap=True)

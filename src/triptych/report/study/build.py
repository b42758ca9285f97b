"""From the folder of a study to its page and tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import final

from rich.console import Console

from triptych.report.chart import Chart
from triptych.report.html import figure, section, table, whole_page
from triptych.report.matplotlib_chart import save_png
from triptych.report.study import tables
from triptych.report.study.answer import answers, expectations
from triptych.report.study.claims import judged
from triptych.report.study.differences import Difference, differences
from triptych.report.study.figures import against, arm_styles, over_cells
from triptych.report.study.frontier import frontier
from triptych.report.study.outcomes import Outcomes, read_outcomes
from triptych.report.study.provenance import commit, machine
from triptych.result import write_whole


@final
@dataclass(frozen=True, eq=False)
class StudyReport:
    """A study's report on disk.

    Attributes:
        tables: by their titles.
    """

    differences: Sequence[Difference]
    tables: Mapping[str, tables.Rows]
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
    styles = arm_styles(outcomes)
    drawn = (
        over_cells(outcomes, styles),
        against(found, styles),
        frontier(outcomes, styles),
    )
    charts = [chart for chart in drawn if chart is not None]
    (out / "figures").mkdir(parents=True, exist_ok=True)
    for stale in (out / "figures").glob("*.png"):
        stale.unlink()
    for chart in charts:
        save_png(chart, out / "figures")
    arms.to_csv(out / "arms.csv", index=False)
    tables.runs_frame(outcomes).to_csv(out / "runs.csv", index=False)
    tables.differences_frame(found).to_csv(out / "differences.csv", index=False)
    said = [line for line in (*answers(found), expectations(claims)) if line]
    write_whole(out / "table.md", _markdown(outcomes, said, told))
    page = write_whole(out / "index.html", _page(outcomes, said, told, charts))
    return StudyReport(found, told, page)


def made_by(outcomes: Outcomes) -> str:
    """How many runs, by which code and on which machine."""
    done = [run.result for run in outcomes.runs if run.result is not None and run.is_finished]
    commits = sorted({commit(result) for result in done})
    machines = sorted({machine(result) for result in done})
    torch = sorted({result.versions.get("torch", "unknown") for result in done})
    compared = [run for run in outcomes.runs if run.trial.stage == "comparison"]
    return (
        f"{len(done)} of {len(outcomes.runs)} runs finished; {len(compared)} are compared, on"
        f" {len(outcomes.study.seeds)} seeds. Mean test accuracy [%] ± half of the 95 % interval."
        f" Code {', '.join(commits)}; {', '.join(machines)}; torch {', '.join(torch)}."
    )


def print_study_report(report: StudyReport) -> None:
    """The accuracies, the answer and the claims, as plain lines."""
    console = Console(width=200, highlight=False)
    accuracies = tables.markdown(report.tables.get(tables.ACCURACIES, [[]])).splitlines()
    claims = report.tables.get(tables.CLAIMS, [[]])[1:]
    judged = [f"{word}: {text} ({needed}; {value})" for text, needed, value, _, word in claims]
    for line in (*accuracies, *answers(report.differences), *judged, f"Report: {report.page}"):
        console.print(line, markup=False, soft_wrap=True)


def _markdown(outcomes: Outcomes, said: Sequence[str], told: Mapping[str, tables.Rows]) -> str:
    """The whole study, the answer first."""
    parts = [f"# {outcomes.study.question}\n"]
    parts += [f"{sentence}\n" for sentence in (*said, made_by(outcomes))]
    parts += [f"## {title}\n\n{tables.markdown(rows)}" for title, rows in told.items()]
    return "\n".join(parts)


def _page(
    outcomes: Outcomes,
    said: Sequence[str],
    told: Mapping[str, tables.Rows],
    charts: Sequence[Chart],
) -> str:
    sentences = "".join(f"<p>{escape(sentence)}</p>" for sentence in said)
    top = (
        f"<header><h1>{escape(outcomes.study.question)}</h1>"
        f'<p class="byline">{escape(made_by(outcomes))}</p>'
        f'<div class="answer" id="answer">{sentences}</div></header>'
    )
    shown = {t: section(_address(t), t, table(rows[0], rows[1:])) for t, rows in told.items()}
    first = [shown.pop(title, "") for title in (tables.ACCURACIES, tables.CLAIMS)]
    drawn = section("figures", "Figures", "".join(map(figure, charts)))
    footer = "<footer>Made by Triptych from the runs of a study.</footer>"
    body = "".join([top, *first, drawn, *shown.values(), footer])
    return whole_page(outcomes.study.question, body, sum(len(c.panes) for c in charts))


def _address(title: str) -> str:
    return title.lower().replace(" ", "-")

"""From the folder of a study to its page and tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import final

from rich.console import Console

from triptych.report.chart import Chart
from triptych.report.html import figure, section, whole_page
from triptych.report.matplotlib_chart import save_png
from triptych.report.study import tables
from triptych.report.study.answer import answers, expectations
from triptych.report.study.claims import Claim, judged
from triptych.report.study.differences import Difference, differences
from triptych.report.study.figures import against, arm_styles, over_cells
from triptych.report.study.frontier import frontier
from triptych.report.study.outcomes import Outcomes, read_outcomes
from triptych.result import write_whole


@final
@dataclass(frozen=True, eq=False)
class StudyReport:
    """A study's report on disk."""

    outcomes: Outcomes
    differences: Sequence[Difference]
    claims: Sequence[Claim]
    page: Path


def build_study_report(folder: Path, out: Path) -> StudyReport:
    """Writes page, tables and figures of the study in `folder` into the folder `out`.

    Raises:
        InvalidSetting: if there is none.
    """
    outcomes = read_outcomes(folder)
    found, claims = differences(outcomes), judged(outcomes)
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
    tables.arms_frame(outcomes).to_csv(out / "arms.csv", index=False)
    tables.runs_frame(outcomes).to_csv(out / "runs.csv", index=False)
    tables.differences_frame(found).to_csv(out / "differences.csv", index=False)
    write_whole(out / "table.md", summary(outcomes, found, claims))
    page = write_whole(out / "index.html", _page(outcomes, found, claims, charts))
    return StudyReport(outcomes, found, claims, page)


def summary(outcomes: Outcomes, found: Sequence[Difference], claims: Sequence[Claim]) -> str:
    """The whole study in Markdown."""
    parts = [f"# {outcomes.study.question}\n"]
    parts += [f"{sentence}\n" for sentence in (*answers(found), made_by(outcomes))]
    parts.append(tables.markdown(tables.accuracy_cells(outcomes)))
    if claims:
        parts += ["## Expected and measured\n", tables.markdown(tables.claim_cells(claims))]
    parts += ["## Differences\n", tables.markdown(tables.difference_cells(found))]
    parts += ["## Costs\n", tables.markdown(tables.cost_cells(outcomes))]
    return "\n".join(parts)


def made_by(outcomes: Outcomes) -> str:
    """How many runs, by which code and on which machine."""
    done = [run.result for run in outcomes.runs if run.result is not None and run.is_finished]
    commits = sorted({str(result.git.get("commit", "unknown"))[:10] for result in done})
    machines = sorted({_machine(result.device) for result in done})
    torch = sorted({result.versions.get("torch", "unknown") for result in done})
    compared = [run for run in outcomes.runs if run.trial.stage == "comparison"]
    return (
        f"{len(done)} of {len(outcomes.runs)} runs finished; {len(compared)} are compared, on"
        f" {len(outcomes.study.seeds)} seeds. Mean test accuracy [%] ± half of the 95 % interval."
        f" Code {', '.join(commits)}; {', '.join(machines)}; torch {', '.join(torch)}."
    )


def print_study_report(report: StudyReport) -> None:
    """The table, the answer and the claims, as plain lines."""
    console = Console(width=200, highlight=False)
    for line in tables.markdown(tables.accuracy_cells(report.outcomes)).splitlines():
        console.print(line, markup=False, soft_wrap=True)
    for sentence in answers(report.differences):
        console.print(sentence, markup=False, soft_wrap=True)
    for text, needed, measured, _, word in tables.claim_cells(report.claims)[1:]:
        console.print(f"{word}: {text} ({needed}; {measured})", markup=False, soft_wrap=True)
    console.print(f"Report: {report.page}", markup=False, soft_wrap=True)


def _page(
    outcomes: Outcomes,
    found: Sequence[Difference],
    claims: Sequence[Claim],
    charts: Sequence[Chart],
) -> str:
    said = [*answers(found), expectations(claims)]
    sentences = "".join(f"<p>{escape(sentence)}</p>" for sentence in said if sentence)
    top = (
        f"<header><h1>{escape(outcomes.study.question)}</h1>"
        f'<p class="byline">{escape(made_by(outcomes))}</p>'
        f'<div class="answer" id="answer">{sentences}</div></header>'
    )
    expected = tables.html(tables.claim_cells(claims)) if claims else ""
    body = [
        top,
        section("results", "Test accuracy", tables.html(tables.accuracy_cells(outcomes))),
        section("claims", "Expected and measured", expected),
        section("figures", "Figures", "".join(map(figure, charts))),
        section("comparisons", "Differences", tables.html(tables.difference_cells(found))),
        section("costs", "Costs", tables.html(tables.cost_cells(outcomes))),
        "<footer>Made by Triptych from the runs of a study.</footer>",
    ]
    return whole_page(outcomes.study.question, "".join(body), sum(len(c.panes) for c in charts))


def _machine(device: dict[str, object]) -> str:
    return str(device.get("name") or device.get("processor") or device.get("kind") or "unknown")

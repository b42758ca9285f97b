"""All runs of a study on its page, by what they are part of."""

from html import escape

from triptych.report.comparison import points
from triptych.report.html import Link, table
from triptych.report.study.outcomes import ACCURACY, Outcome, Outcomes
from triptych.result import FILE
from triptych.study import Study

HEAD = ("Run", "For", "Learning rate", "Seed", "Status", "Best validation [%]", "Test [%]")


def runs_address(study: Study, cell: str, arm: str) -> str:
    """Of the runs of an arm in a cell, on the page of the study."""
    return f"runs-{study.pairs.index((cell, arm))}"


def runs_section(outcomes: Outcomes, folder: str) -> str:
    """A fold for each arm of each cell, with a link to the record of each run.

    Args:
        folder: of the runs, as seen from the page.
    """
    folds: list[str] = []
    for cell, arm in outcomes.study.pairs:
        mine = [run for run in outcomes.runs if (run.trial.cell, run.trial.arm) == (cell, arm)]
        compared = sum(run.trial.stage == "comparison" for run in mine)
        title = f"{cell}, {arm}: {compared} compared, {len(mine) - compared} to tune"
        # The address is inside: a browser unfolds what a link leads to.
        folds.append(
            f"<details><summary>{escape(title)}</summary>"
            f'<div id="{runs_address(outcomes.study, cell, arm)}">'
            f"{table(HEAD, [_row(run, folder) for run in mine])}</div></details>"
        )
    return "".join(folds)


def _row(run: Outcome, folder: str) -> list[str | Link]:
    trial = run.trial
    compared = trial.stage == "comparison"
    return [
        "-" if run.result is None else Link(str(trial.job), f"{folder}/{trial.job}/{FILE}"),
        "comparison" if compared else "tuning",
        f"{trial.rate:g}",
        str(trial.seed),
        "not started" if run.result is None else run.result.status,
        _percent(run.value("val/acc")),
        _percent(run.value(ACCURACY)) if compared else "",
    ]


def _percent(share: float | None) -> str:
    return "" if share is None else points(share)

"""A study in numbers: what each arm reached and costs, who is ahead, what was expected."""

import math
from collections.abc import Sequence
from html import escape

import numpy as np
import pandas as pd

from triptych.report.comparison import points
from triptych.report.statistics import paired_difference
from triptych.report.study.claims import Claim
from triptych.report.study.differences import Difference
from triptych.report.study.outcomes import ACCURACY, Outcomes

COSTS = ("params_total", "params_active", "flops", "flops_executed")
NAN = float("nan")


def arms_frame(outcomes: Outcomes) -> pd.DataFrame:
    """One row for each arm of each cell: learning rate, seeds, accuracy (shares) with its sd and
    95 % interval over seeds, costs of a sample, training FLOPs, seconds."""
    rows: list[dict[str, object]] = []
    for cell in outcomes.cells():
        for arm in outcomes.arms(cell):
            scores = outcomes.scores(cell, arm)
            mean = paired_difference(scores, dict.fromkeys(scores, 0.0))
            done = [run.result for run in outcomes.compared(cell, arm) if run.is_finished]
            kept = [result for result in done if result is not None]
            rows.append(
                {
                    "cell": cell,
                    "arm": arm,
                    "lr": outcomes.rate(cell, arm),
                    "seeds": len(scores),
                    "test_acc": mean.mean,
                    "sd": mean.sd,
                    "low": mean.low,
                    "high": mean.high,
                    **{name: _mean([r.cost.get(name, NAN) for r in kept]) for name in COSTS},
                    "training_flops": _mean(
                        [r.metrics.get("final", {}).get("compute/train_flops", NAN) for r in kept]
                    ),
                    "fit_seconds": _mean([r.seconds.get("fit", NAN) for r in kept]),
                    "steps": _mean([r.steps for r in kept]),
                }
            )
    return pd.DataFrame(rows)


def runs_frame(outcomes: Outcomes) -> pd.DataFrame:
    """One row for each run: its trial, its status, and what it scored; on the test split only where
    it is compared."""
    return pd.DataFrame(
        {
            **vars(run.trial),
            "status": "not started" if run.result is None else run.result.status,
            "best_val": run.value("val/acc"),
            "test_acc": run.value(ACCURACY) if run.trial.stage == "comparison" else None,
        }
        for run in outcomes.runs
    )


def differences_frame(found: Sequence[Difference]) -> pd.DataFrame:
    """One row for each difference: shares, two intervals, three tests."""
    return pd.DataFrame(
        {
            "cell": one.cell,
            "arm": one.first,
            "minus": one.second,
            "seeds": one.paired.n,
            "wins": one.wins,
            "mean": one.paired.mean,
            "low": one.paired.low,
            "high": one.paired.high,
            "bootstrap_low": one.bootstrap.low,
            "bootstrap_high": one.bootstrap.high,
            "p": one.paired.p,
            "p_ranks": one.ranks,
            "p_holm": one.corrected,
            "p_tie": one.equivalence.p,
            "detectable": one.detectable,
            "verdict": one.verdict,
        }
        for one in found
    )


def accuracy_cells(outcomes: Outcomes) -> list[list[str]]:
    """Arms as rows, cells as columns, accuracies in percent; the first row is the head."""
    frame = arms_frame(outcomes).set_index(["arm", "cell"])
    cells = list(outcomes.cells())
    rows = [["", *cells]]
    for arm in outcomes.study.arms:
        texts = [_accuracy(frame, arm, cell) for cell in cells]
        if any(texts):
            rows.append([arm, *texts])
    return rows


def claim_cells(claims: Sequence[Claim]) -> list[list[str]]:
    """What was expected, what was measured, and whether they agree; the first row is the head."""
    rows = [["Expected", "Needed", "Measured", "Seeds", ""]]
    for claim in claims:
        bounds = (claim.measured.low, claim.measured.high)
        low, high = (f"{round(value, 2) + 0.0:.2f}" for value in bounds)
        interval = "" if math.isnan(claim.measured.low) else f" [{low}, {high}]"
        value = "" if claim.seeds == 0 else f"{claim.measured.value:.2f}{interval}"
        word = {None: "not measured", True: "holds", False: "DOES NOT HOLD"}[claim.holds]
        rows.append([claim.text, claim.needed, value, str(claim.seeds), word])
    return rows


def difference_cells(found: Sequence[Difference]) -> list[list[str]]:
    """Differences in points; the first row is the head."""
    measured = ["Points", "95 % interval", "Bootstrap", "Seeds ahead"]
    tested = ["p (Holm)", "p (ranks)", "p (tie)", "Smallest detectable", "Verdict"]
    rows = [["Cell", "Arm", "minus", *measured, *tested]]
    for one in found:
        rows.append(
            [
                one.cell,
                one.first,
                one.second,
                points(one.paired.mean),
                f"[{points(one.paired.low)}, {points(one.paired.high)}]",
                f"[{points(one.bootstrap.low)}, {points(one.bootstrap.high)}]",
                f"{one.wins} of {one.paired.n}",
                f"{one.corrected:.2g}",
                f"{one.ranks:.2g}",
                f"{one.equivalence.p:.2g}",
                points(one.detectable),
                one.verdict,
            ]
        )
    return rows


def cost_cells(outcomes: Outcomes) -> list[list[str]]:
    """What each arm costs, cell by cell; the first row is the head."""
    head = ["Cell", "Arm", "Learning rate", "Params", "Active", "FLOPs", "Executed"]
    rows = [[*head, "Training FLOPs", "Steps", "Seconds"]]
    for row in arms_frame(outcomes).to_dict("records"):
        numbers = [row[name] for name in (*COSTS, "training_flops", "steps", "fit_seconds")]
        shown = ["" if _unknown(value) else f"{float(value):,.4g}" for value in numbers]
        rate = "" if _unknown(row["lr"]) else f"{row['lr']:g}"
        rows.append([str(row["cell"]), str(row["arm"]), rate, *shown])
    return rows


def html(rows: Sequence[Sequence[str]]) -> str:
    """A table whose first row is the head and whose first column names the others."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in rows[0])
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in rest)
        + "</tr>"
        for first, *rest in rows[1:]
    )
    table = f'<table class="listed"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll">{table}</div>'


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """The same table in Markdown."""
    lines = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows]
    lines.insert(1, " | ".join("---" for _ in rows[0]))
    return "".join(f"| {line} |\n" for line in lines)


def _accuracy(frame: pd.DataFrame, arm: str, cell: str) -> str:
    if (arm, cell) not in frame.index:
        return ""
    row = frame.loc[(arm, cell)]
    if math.isnan(float(row["test_acc"])):
        return ""
    half = (float(row["high"]) - float(row["low"])) / 2
    spread = "" if math.isnan(half) else f" ± {points(half)}"
    return f"{points(float(row['test_acc']))}{spread}"


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None and not math.isnan(value)]
    return float(np.mean(known)) if known else NAN


def _unknown(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))

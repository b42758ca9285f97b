"""A study in numbers: what each arm reached and costs, who is ahead, what was expected."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from triptych.report.comparison import points
from triptych.report.resampling import Bounded, interquartile_mean, probability_of_improvement
from triptych.report.statistics import paired_difference
from triptych.report.study.claims import Claim
from triptych.report.study.differences import Difference
from triptych.report.study.outcomes import ACCURACY, CEILING, Outcomes
from triptych.report.study.speed import speed_table

COSTS = ("params_total", "params_active", "flops", "flops_executed")
NAN = float("nan")
ACCURACIES, CLAIMS = "Test accuracy", "Expected and measured"
DIFFERENCES, COSTS_TABLE, SPEED = "Differences", "Costs", "Time of an answer"

Rows = list[list[str]]
"""A table whose first row is the head and whose first column names the others."""


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


def sections(
    outcomes: Outcomes, arms: pd.DataFrame, found: Sequence[Difference], claims: Sequence[Claim]
) -> dict[str, Rows]:
    """All tables by their titles; without those that have nothing to say.

    Args:
        arms: of `arms_frame`.
    """
    every = {
        ACCURACIES: _accuracies(outcomes, arms),
        "Over all cells": _overall(outcomes),
        CLAIMS: _claims(claims),
        DIFFERENCES: _differences(found),
        COSTS_TABLE: _costs(arms),
        SPEED: speed_table(outcomes),
    }
    return {title: rows for title, rows in every.items() if len(rows) > 1}


def _accuracies(outcomes: Outcomes, arms: pd.DataFrame) -> Rows:
    """Arms as rows, cells as columns, in percent; last what no classifier can exceed."""
    frame = arms.set_index(["arm", "cell"])
    cells = list(outcomes.cells())
    rows = [["", *cells]]
    for arm in outcomes.study.arms:
        texts = [_accuracy(frame, arm, cell) for cell in cells]
        if any(texts):
            rows.append([arm, *texts])
    if outcomes.ceilings:
        known = [outcomes.ceilings.get(cell) for cell in cells]
        rows.append([CEILING, *(one.text.removesuffix(" %") if one else "" for one in known)])
    return rows


def _overall(outcomes: Outcomes) -> Rows:
    """Of the arms that are in all of several cells: the interquartile mean of their accuracies in
    percent, and how probable it is that a run of them beats one of a baseline."""
    cells = list(outcomes.cells())
    scores = {
        arm: {cell: list(outcomes.scores(cell, arm).values()) for cell in cells}
        for arm in outcomes.study.arms
    }
    whole = {arm: by_cell for arm, by_cell in scores.items() if all(by_cell.values())}
    against = [baseline for baseline in outcomes.study.baselines if baseline in whole]
    rows = [["Arm", "Interquartile mean", *(f"Probability to beat {b}" for b in against)]]
    if len(cells) < 2:
        return rows
    for arm, by_cell in whole.items():
        chances = [
            "" if arm == b else _bounded(probability_of_improvement(by_cell, whole[b]), 1)
            for b in against
        ]
        rows.append([arm, _bounded(interquartile_mean(by_cell), 100), *chances])
    return rows


def _claims(claims: Sequence[Claim]) -> Rows:
    """What was expected, what was measured, and whether they agree."""
    rows = [["Expected", "Needed", "Measured", "Seeds", ""]]
    for claim in claims:
        value = "" if claim.seeds == 0 else _bounded(claim.measured, 1)
        word = {None: "not measured", True: "holds", False: "DOES NOT HOLD"}[claim.holds]
        rows.append([claim.text, claim.needed, value, str(claim.seeds), word])
    return rows


def _differences(found: Sequence[Difference]) -> Rows:
    """In points."""
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


def _costs(arms: pd.DataFrame) -> Rows:
    """What each arm costs, cell by cell."""
    head = ["Cell", "Arm", "Learning rate", "Params", "Active", "FLOPs", "Executed"]
    rows = [[*head, "Training FLOPs", "Steps", "Seconds"]]
    for row in arms.to_dict("records"):
        numbers = [row[name] for name in (*COSTS, "training_flops", "steps", "fit_seconds")]
        shown = ["" if _unknown(value) else f"{float(value):,.4g}" for value in numbers]
        rate = "" if _unknown(row["lr"]) else f"{row['lr']:g}"
        rows.append([str(row["cell"]), str(row["arm"]), rate, *shown])
    return rows


def markdown(rows: Rows) -> str:
    """A table in Markdown."""
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


def _bounded(figure: Bounded, scale: float) -> str:
    value, low, high = (f"{round(scale * v, 2) + 0.0:.2f}" for v in vars(figure).values())
    return value if math.isnan(figure.low) else f"{value} [{low}, {high}]"


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None and not math.isnan(value)]
    return float(np.mean(known)) if known else NAN


def _unknown(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))

"""What accounts for the runs on the page: comparisons, method, failures, the list of all."""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from triptych.report.comparison import Comparison, points
from triptych.report.html import table
from triptych.report.runs import Run, Runs
from triptych.report.settings import shared_overrides
from triptych.result import FILE


def comparison_table(comparisons: Sequence[Comparison]) -> str:
    """Every comparison with its interval, p values and smallest detectable difference."""
    if not comparisons:
        return ""
    head = (
        "Comparison",
        "Points",
        "95 % interval",
        "Paired seeds",
        "p (Holm)",
        "Tie within ± margin, p",
        "Smallest detectable",
        "Verdict",
    )
    rows = [_compared(comparison) for comparison in comparisons]
    margin = 100 * comparisons[0].equivalence.margin
    legend = (
        "Differences in test accuracy, in percentage points, paired by seed. The interval and p "
        "are of the paired t test; the tie is tested with two one-sided t tests against a margin "
        f"of ±{margin:g} points; the smallest detectable difference is the one that this test "
        "finds in 80 % of all repetitions, given the spread seen here, at the level of Holm's "
        "first step (0.05 divided by the number of pairs on the same data)."
    )
    return f'<p class="small">{legend}</p>{table(head, rows, "numbers")}'


def measured(runs: Runs) -> str:
    """Seeds, epochs, devices, versions, commits and commands of the finished runs."""
    results = [run.result for run in runs.finished]
    if not results:
        return ""
    shared = shared_overrides([run.key for run in runs.finished])
    facts = {
        "Seeds": "; ".join(f"{name}: {_seeds(runs.of(name))}" for name in runs.settings),
        "Epochs": _distinct(result.epochs for result in results),
        "Optimiser steps": _distinct(result.steps for result in results),
        "In all runs": ", ".join(f"{name}={value}" for name, value in shared),
        "Device": _distinct(_facts(result.device) for result in results),
        "Peak memory": _distinct(_mebibytes(result.peak_memory_mib) for result in results),
        "Versions": _distinct(_facts(result.versions) for result in results),
        "Code": _distinct(_facts(result.git) for result in results),
        "Started": _span([result.started for result in results]),
        "Notes": " ".join(runs.notes),
    }
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.items() if text
    )
    return f"<dl>{rows}</dl>{_commands(runs.finished)}"


def failures(runs: Runs) -> str:
    """Every run without a result: its name, its status, and its error message."""
    rows = [
        (
            run.result.name,
            run.setting,
            run.result.status,
            (run.result.error or {}).get("message", ""),
        )
        for run in runs.others
    ]
    if not rows:
        return ""
    counts = _distinct_counts([run.result.status for run in runs.others])
    intro = f"<p>In no table, statistic or figure: {escape(counts)}.</p>"
    return intro + table(("Run", "Setting", "Status", "Message"), rows)


def unreadable(runs: Runs) -> str:
    """Every file that should be the record of a run and is none, with the reason."""
    if not runs.unreadable:
        return ""
    rows = [(f"{bad.folder.name}/{FILE}", bad.reason) for bad in runs.unreadable]
    return f"<p>Set aside; in nothing on this page.</p>{table(('File', 'Reason'), rows)}"


def run_table(runs: Runs) -> str:
    """All runs, folded away: what every number on the page rests on."""
    rows = [
        (
            run.result.name,
            run.setting,
            str(run.result.seed),
            _status(run),
            "-" if math.isnan(run.test_accuracy) else f"{100 * run.test_accuracy:.2f} %",
            run.result.config_hash[:10],
            run.folder.name,
        )
        for run in (*runs.finished, *runs.others)
    ]
    head = ("Run", "Setting", "Seed", "Status", "Test accuracy", "Configuration", "Folder")
    return f"<details><summary>{len(rows)} run folders</summary>{table(head, rows)}</details>"


def _status(run: Run) -> str:
    early = run.result.ended_early.get("reason")
    return f"ended early: {early}" if early else run.result.status


def _compared(c: Comparison) -> tuple[str, ...]:
    names, mean, n = f"{c.first} minus {c.second}", _points(c.paired.mean), str(c.paired.n)
    if not c.paired.sd > 0:
        return (names, mean, "-", n, "-", "-", "-", c.verdict)
    return (
        names,
        mean,
        f"[{_points(c.paired.low)}, {_points(c.paired.high)}]",
        n,
        _probability(c.corrected_p),
        _probability(c.equivalence.p),
        _points(c.detectable),
        c.verdict,
    )


def _commands(runs: Sequence[Run]) -> str:
    commands = dict.fromkeys(run.result.command for run in runs if run.result.command)
    if not commands:
        return ""
    listed = escape("\n".join(commands))
    return f"<details><summary>Commands</summary><pre>{listed}</pre></details>"


def _points(share: float) -> str:
    return "-" if math.isnan(share) else points(share)


def _probability(p: float) -> str:
    if math.isnan(p):
        return "-"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _seeds(runs: Sequence[Run]) -> str:
    return ", ".join(str(run.result.seed) for run in runs)


def _mebibytes(value: float) -> str:
    return f"{value:.0f} MiB" if value > 0 else ""


def _facts(table: Mapping[str, Any]) -> str:
    """Names and values in a line; a plain yes is its name alone, a no or a blank is left out."""
    told = {name: value for name, value in table.items() if value not in ("", None, False)}
    return ", ".join(name if value is True else f"{name} {value}" for name, value in told.items())


def _distinct(values: Iterable[object]) -> str:
    found = dict.fromkeys(str(value) for value in values)
    return "; ".join(text for text in found if text)


def _distinct_counts(values: Sequence[str]) -> str:
    return ", ".join(f"{values.count(value)} {value}" for value in dict.fromkeys(values))


def _span(moments: Sequence[str]) -> str:
    known = sorted(moment for moment in moments if moment)
    return "" if not known else " to ".join(dict.fromkeys((known[0], known[-1])))

"""How every benchmark measures, prints and writes: interleaved rounds and one file format.

A script builds `Row`s with `compare` and hands them to `publish`. The JSON is
`{schema, name, commit, date, machine, versions, notes, rows}`; the same rows as a Markdown table
lie beside it.
"""

import argparse
import json
import math
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Literal

import torch

from triptych.result import write_whole
from triptych.run.facts import processor

SCHEMA = 2
FEWEST_ROUNDS = 6
PACKAGES = ("torch", "numpy", "lightning")


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        case: what was done, with its size.
        subject: what is measured.
        baseline: what it is measured against.
        ratio: median over rounds of subject / baseline.
        low: lower end of the 95 % interval of that median.
        high: upper end.
        goal: the ratio to reach; None for a row that only informs.
        better: which direction is good.
    """

    case: str
    subject: str
    baseline: str
    ratio: float
    low: float
    high: float
    goal: float | None
    better: Literal["lower", "higher"] = "lower"

    @property
    def met(self) -> bool:
        """Whether the whole interval lies on the good side of the goal, if there is one."""
        if self.goal is None:
            return True
        return self.high <= self.goal if self.better == "lower" else self.low >= self.goal

    @property
    def reached(self) -> bool:
        """Whether some of the interval does: then the goal may or may not be met."""
        if self.goal is None:
            return True
        return self.low <= self.goal if self.better == "lower" else self.high >= self.goal


def parser(description: str | None) -> argparse.ArgumentParser:
    """The command line of every benchmark: `quick` (bool) and `out` (Path or None)."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument(
        "--out", type=Path, metavar="FILE.json", help="also write JSON and Markdown"
    )
    return parser


def arguments(description: str | None) -> argparse.Namespace:
    """What was typed to a benchmark that takes nothing else."""
    return parser(description).parse_args()


def interleave(
    subject: Callable[[], object], baseline: Callable[[], object], rounds: int
) -> list[float]:
    """Wall time of subject over wall time of baseline, once a round; see `ratios`."""
    return ratios(lambda: seconds(subject), lambda: seconds(baseline), rounds)


def ratios(subject: Callable[[], float], baseline: Callable[[], float], rounds: int) -> list[float]:
    """Subject over baseline, once a round, after one warm-up of each. Both measure themselves.

    The two are timed next to each other, so a slow phase of the machine hits both, and they
    take turns in going first.
    """
    for measure in (subject, baseline):
        measure()
    ratios = []
    for turn in range(rounds):
        if turn % 2:
            denominator, numerator = baseline(), subject()
        else:
            numerator, denominator = subject(), baseline()
        ratios.append(numerator / denominator)
    return ratios


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call. A GPU is waited for before and after."""
    _wait()
    start = time.perf_counter()
    work()
    _wait()
    return time.perf_counter() - start


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The median and its 95 % interval from order statistics, free of assumptions on shape.

    The k-th smallest and k-th largest value enclose the median with probability
    1 - 2 P(Binomial(n, 1/2) < k); k is the largest that keeps 95 %.

    >>> median_interval([1, 2, 3, 4, 5, 6])  # 1 - 2 / 64 = 96.9 %
    (3.5, 1, 6)

    Raises:
        ValueError: for fewer than 6 values: their range has less than 95 %.
    """
    n = len(values)
    if n < FEWEST_ROUNDS:
        raise ValueError(f"a 95 % interval needs {FEWEST_ROUNDS} rounds or more, got {n}")
    below, k = 0.0, 0
    while below + math.comb(n, k) / 2**n <= 0.025:
        below += math.comb(n, k) / 2**n
        k += 1
    ordered = sorted(values)
    return median(ordered), ordered[k - 1], ordered[n - k]


def compare(
    case: str,
    subject: tuple[str, Callable[[], object]],
    baseline: tuple[str, Callable[[], object]],
    rounds: int,
    goal: float | None,
) -> Row:
    """Measures the time of two named pieces of work and sums it up as one row."""
    ratio, low, high = median_interval(interleave(subject[1], baseline[1], rounds))
    return Row(case, subject[0], baseline[0], ratio, low, high, goal)


def publish(
    name: str,
    rows: Sequence[Row],
    out: Path | None,
    notes: Sequence[str] = (),
    packages: Sequence[str] = (),
) -> None:
    """Prints the rows as a table and, given `out`, writes the JSON and a `.md` beside it.

    Args:
        notes: sentences that a reader of the table needs.
        packages: whose versions matter besides those that always do.
    """
    report = describe(name, rows, notes, packages)
    print(markdown(report))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, json.dumps(report, indent=1) + "\n")
        write_whole(out.with_suffix(".md"), markdown(report))


def describe(
    name: str, rows: Sequence[Row], notes: Sequence[str] = (), packages: Sequence[str] = ()
) -> dict[str, Any]:
    """The whole record of one benchmark, ready for JSON."""
    packages = (*PACKAGES, *packages)
    return {
        "schema": SCHEMA,
        "name": name,
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": {"python": platform.python_version()} | {p: version(p) for p in packages},
        "notes": list(notes),
        "rows": [asdict(row) for row in rows],
    }


def markdown(report: dict[str, Any]) -> str:
    """The record as a page: one table, notes, then where and when it was measured."""
    lines = [
        f"# Benchmark: {report['name']}",
        "",
        "| case | subject | baseline | subject / baseline | 95 % interval | goal | met |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in (Row(**content) for content in report["rows"]):
        lines.append(
            f"| {row.case} | {row.subject} | {row.baseline} | {row.ratio:.4g} "
            f"| {row.low:.4g} to {row.high:.4g} | {_verdict(row)} |"
        )
    if report["notes"]:
        lines += ["", *(f"- {note}" for note in report["notes"])]
    facts = " · ".join(f"{key} {value}" for key, value in report["versions"].items())
    place = " · ".join(f"{key}: {value}" for key, value in report["machine"].items())
    lines += ["", place, "", f"{facts} · commit {report['commit']} · {report['date']}", ""]
    return "\n".join(lines)


def _verdict(row: Row) -> str:
    """The goal and whether it is met, surely, possibly or not, as two cells."""
    if row.goal is None:
        return "none | -"
    sign = "<=" if row.better == "lower" else ">="
    word = "yes" if row.met else "within the interval" if row.reached else "no"
    return f"{sign} {row.goal:.4g} | {word}"


def commit() -> str:
    """The short hash of the checkout, with `-dirty` for uncommitted changes; else `unknown`."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    folder = Path(__file__).parent
    try:
        answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()


def machine() -> dict[str, Any]:
    """What the numbers depend on: system, processor, threads, GPU."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "gpu": gpu,
    }

"""The ledger of a sweep, `jobs.csv`: what became of each job, and how to run it alone."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from triptych.report.records import Unreadable
from triptych.result import Result, write_whole

FILE = "jobs.csv"
LAST_LINES = 5  # of a traceback
COLUMNS = (
    *("job", "status", "ended_early", "name", "seconds"),
    *("error", "message", "last_lines", "command"),
)


def write_ledger(
    folder: Path, runs: Sequence[tuple[Path, Result]], unreadable: Sequence[Unreadable]
) -> Path:
    """One row for each job that was started, in their order."""
    rows = {_name(run, folder): _told(result) for run, result in runs}
    rows |= {
        _name(bad.folder, folder): ("unreadable", "", "", "", "", bad.reason, "", "")
        for bad in unreadable
    }
    target = io.StringIO(newline="")
    table = csv.writer(target, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows([job, *rows[job]] for job in sorted(rows, key=_in_order))
    return write_whole(folder / FILE, target.getvalue())


def _told(result: Result) -> tuple[str, ...]:
    error = result.error or {}
    seconds = result.seconds.get("total")
    lines = error.get("traceback", "").rstrip().splitlines()[-LAST_LINES:]
    return (
        result.status,
        result.ended_early.get("reason", ""),
        result.name,
        "" if seconds is None else f"{seconds:.1f}",
        error.get("type", ""),
        error.get("message", ""),
        "\n".join(lines),
        result.command,
    )


def _name(run: Path, folder: Path) -> str:
    return str(run.relative_to(folder.resolve()))


def _in_order(job: str) -> list[tuple[bool, int, str]]:
    """By numbers where names are numbers, as `2/10` of replicas."""
    return [
        (not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in Path(job).parts
    ]

"""From run folders to the page on disk."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import final

from triptych.dashboard import SECTIONS
from triptych.report.dashboard.collect import collect
from triptych.report.dashboard.page import render
from triptych.result import write_whole


@final
@dataclass(frozen=True)
class Dashboard:
    """A dashboard on disk.

    Attributes:
        runs: how many there are of each status.
        notes: what was left out, in words.
    """

    page: Path
    runs: dict[str, int]
    notes: tuple[str, ...]


def build_dashboard(roots: Sequence[Path], out: Path, refresh_s: float = 0.0) -> Dashboard:
    """Writes the page of all runs below the roots.

    Args:
        roots: run folders, sweep folders or folders above them.
        out: the page.
        refresh_s: after so many seconds an open page loads itself again; never for 0.

    Raises:
        InvalidSetting: if a root is missing, or no run that can be read lies below any.
        OSError: if the page cannot be written.
    """
    content = collect(roots, out, SECTIONS)
    made = datetime.now(UTC).isoformat(timespec="seconds")
    out.parent.mkdir(parents=True, exist_ok=True)
    page = write_whole(out, render(content | {"made": made, "refresh_s": refresh_s}))
    counted = Counter(run["status"] for run in content["runs"])
    return Dashboard(page, dict(counted), tuple(content["notes"]))

"""Keeps a dashboard up to date while runs go on."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from triptych.errors import InvalidSetting
from triptych.evaluations import FILE as TABLES
from triptych.report.dashboard.build import Dashboard, build_dashboard
from triptych.report.runs import CURVES
from triptych.result import FILE

Signature = frozenset[tuple[str, int, int]]


def signature(roots: Sequence[Path]) -> Signature:
    """The files that a dashboard is made of, with their times and sizes."""
    found: set[tuple[str, int, int]] = set()
    for root in roots:
        for name in (FILE, CURVES, TABLES):
            for file in (root.parent if root.is_file() else root).rglob(name):
                try:
                    known = file.stat()
                except FileNotFoundError:  # replaced or removed while we looked
                    continue
                found.add((str(file), known.st_mtime_ns, known.st_size))
    return frozenset(found)


def watch(roots: Sequence[Path], out: Path, every_s: float) -> Iterator[Dashboard]:
    """Writes the page again whenever a run has changed, until Ctrl-C.

    An open page loads itself again every `every_s` seconds; the last one, which Ctrl-C leaves,
    does not.

    Args:
        roots: run folders, sweep folders or folders above them.
        out: the page.
        every_s: seconds between two looks.

    Yields:
        Each page that was written. As long as there is no run, it waits for one.

    Raises:
        InvalidSetting: if a root is missing, or what lies below can not be read.
    """
    seen: Signature = frozenset()
    try:
        while True:
            for root in roots:
                if not root.exists():
                    raise InvalidSetting(f"no such folder: {root}")
            now = signature(roots)
            if now != seen:
                seen = now
                yield build_dashboard(roots, out, every_s)
            time.sleep(every_s)
    except KeyboardInterrupt:
        if seen:
            build_dashboard(roots, out)

"""Writes a dashboard of runs, one HTML page, and opens it: curves, costs, settings, experts."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from triptych.report.dashboard import Dashboard

DEFAULT = Path("logs")


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds and opens the page; 2 with one line on stderr for what a user can get wrong."""
    options = _parser().parse_args(arguments)
    # Only here: `--help` should not wait for pandas and plotly.
    from triptych.errors import InvalidSetting
    from triptych.report.dashboard import build_dashboard, open_page, watch

    roots: list[Path] = options.paths or [DEFAULT]
    first = roots[0].parent if roots[0].is_file() else roots[0]
    out: Path = options.out or first / "dashboard.html"
    try:
        if options.watch is None:
            made = iter([build_dashboard(roots, out)])
        else:
            print(f"Looking for news every {options.watch:g} s; Ctrl-C ends it.", file=sys.stderr)
            made = watch(roots, out, options.watch)
        for place, dashboard in enumerate(made):
            _tell(dashboard)
            if place == 0 and options.open:
                open_page(dashboard.page)
    except (InvalidSetting, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # between two looks; `watch` itself knows how to end
        return 0
    return 0


def _tell(made: "Dashboard") -> None:
    for note in made.notes:
        print(f"note: {note}", file=sys.stderr)
    counted = ", ".join(f"{count} {status}" for status, count in made.runs.items())
    total = sum(made.runs.values())
    runs = "run" if total == 1 else "runs"
    print(f"{total} {runs} ({counted})\nDashboard: {made.page}", flush=True)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"must be 1 or more seconds, got {text}")
    return seconds


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="run or sweep folders (default: logs)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="default: dashboard.html in the first PATH"
    )
    parser.add_argument("--no-open", dest="open", action="store_false", help="only write the page")
    parser.add_argument(
        "--watch",
        nargs="?",
        type=_seconds,
        const=5.0,
        metavar="SECONDS",
        help="look for news every 5 (or so many) seconds, until Ctrl-C",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

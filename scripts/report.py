"""Makes a report of run folders: table, statistics, figures and one HTML page."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds and prints the report; 2 with one line on stderr for what a user can get wrong."""
    options = _parser().parse_args(arguments)
    # Only here: `--help` should not wait for pandas and scipy.
    from triptych import study
    from triptych.errors import InvalidSetting
    from triptych.report import build_report, print_report
    from triptych.report.study import build_study_report, print_study_report

    first: Path = options.paths[0]
    out: Path = options.out or (first.parent if first.is_file() else first) / "report"
    try:
        if len(options.paths) == 1 and study.read(first) is not None:
            print_study_report(build_study_report(first, out))
        else:
            print_report(build_report(options.paths, out))
    except (InvalidSetting, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="run or sweep folder")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="default: report/ in the first PATH"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""One page over several studies, with the page of each, and the table that scripts/advise.py reads:
python scripts/studies.py logs/studies/acceptance/* --out reports/studies/acceptance"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds and prints it; 2 with one line on stderr for what a user can get wrong."""
    options = _parser().parse_args(arguments)
    # Only here: `--help` should not wait for pandas and scipy.
    from triptych.errors import InvalidSetting
    from triptych.report.overview import build_overview

    try:
        built = build_overview(options.folders, options.out, options.table)
    except (InvalidSetting, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(*built.answer, f"Table: {built.table}", f"Report: {built.page}", sep="\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="of a study")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="of the pages")
    where = "gets what was measured, and keeps other studies; default: a new one in DIR"
    parser.add_argument("--table", type=Path, metavar="FILE", help=where)
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""How long the trained nets of a study take to answer, beside how good they are:
python scripts/latency.py logs/studies/acceptance/latency"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROUNDS, QUICK = 40, 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, writes and prints it; 2 with one line on stderr for what a user can get wrong."""
    options = _parser().parse_args(arguments)
    # Only here: `--help` should not wait for torch.
    from triptych.errors import InvalidSetting
    from triptych.report.study.outcomes import read_outcomes
    from triptych.report.study.speed import speed_table
    from triptych.report.study.tables import markdown
    from triptych.run.latency import measure_latencies

    try:
        measure_latencies(options.folder, QUICK if options.quick else ROUNDS)
        print(markdown(speed_table(read_outcomes(options.folder))), end="")
    except (InvalidSetting, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"Page with this: python scripts/report.py {options.folder}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="of a study")
    quick = f"{QUICK} rounds instead of {ROUNDS}, to see that it works"
    parser.add_argument("--quick", action="store_true", help=quick)
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""Each figure of both sources beside its true counterpart. `make gallery` trains before."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Counts, times and draws; 2 with one line on stderr for what a user can get wrong."""
    options = _parser().parse_args(arguments)
    # Only here: `--help` should not wait for torch.
    from triptych.errors import InvalidSetting
    from triptych.run.gallery import FULL, QUICK, gallery

    sizes = QUICK if options.quick else FULL
    try:
        print(f"Gallery: {gallery(options.runs, options.out, options.samples, sizes)}")
    except InvalidSetting as error:
        print(f"error: {error}; make gallery trains what it needs", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    path = {"type": Path, "metavar": "PATH"}
    parser.add_argument("--runs", default=Path("logs/gallery"), help="sweeps of gallery/*", **path)
    parser.add_argument("--out", default=Path("reports/gallery"), help="for the page", **path)
    samples = ROOT / "evidence" / "samples" / "arms.csv"
    parser.add_argument("--samples", default=samples, help="table of study/samples", **path)
    parser.add_argument("--quick", action="store_true", help="measure little: to see that it works")
    return parser


if __name__ == "__main__":
    sys.exit(main())

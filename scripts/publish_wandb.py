"""Sends the offline runs of a folder to W&B, with a workspace and a report that show them."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Publishes, and may be run again: 1 if something failed, 2 for what a user can mend."""
    options = _parser().parse_args(arguments)
    # Only here: `--help` should not wait for wandb.
    from triptych.errors import InvalidSetting
    from triptych.tracking import Place, dry_run, publish

    place = Place(options.entity, options.project)
    try:
        if options.dry_run:
            print(dry_run(place))
            return 0
        failures = publish(options.folder, place, lambda line: print(line, flush=True))
    except (InvalidSetting, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("logs/wandb"), help="default: logs/wandb"
    )
    parser.add_argument("--entity", help="user or team; default: that of each run, or yours")
    parser.add_argument("--project", help="default: that of each run, or triptych")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the workspace as JSON; no login, no network"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""Which panel for data of this size, by what studies have measured: python scripts/advise.py
--samples 40000 --features 32 --classes 2 --rules 32 --budget-flops 50000"""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

TABLE = Path(__file__).parents[1] / "evidence" / "measured.csv"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the advice; 2 with one line on stderr for what a user can get wrong."""
    options = _parser().parse_args(arguments)
    mistake = _mistake(options)
    if mistake is not None:
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    # Only here: `--help` and mistakes should not wait for scipy.
    from triptych.errors import InvalidSetting
    from triptych.report import advice

    try:
        budget = advice.Budget(options.budget_flops, options.budget_params)
        rows = advice.read_table(options.table)
    except (InvalidSetting, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    rules = None if options.rules == "unknown" else int(options.rules)
    asked = advice.Task(options.samples, options.features, options.classes, rules)
    within = advice.evidence(rows, budget)
    everything = advice.evidence(rows, advice.Budget())
    given = advice.advise(asked, within)
    print(advice.answer(given, everything))
    for group in given.groups:
        print(*advice.evidence_lines(group, asked), sep="\n")
    print(advice.range_line(asked, everything))
    for check in advice.held_out(within, rules is not None) if given.groups else ():
        print(advice.check_line(check))
    return 0


def _mistake(options: argparse.Namespace) -> str | None:
    least = {"samples": 1, "features": 1, "classes": 2}
    for name, low in least.items():
        if getattr(options, name) < low:
            return f"--{name} {getattr(options, name)} must be at least {low}"
    if options.rules != "unknown" and not (options.rules.isdecimal() and int(options.rules) > 0):
        return f"--rules {options.rules} must be at least 1, or unknown"
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--samples", type=int, required=True, metavar="N", help="for training")
    add("--features", type=int, required=True, metavar="N", help="of a sample")
    add("--classes", type=int, required=True, metavar="N", help="to tell apart")
    rules = "how many different rules the data follow, each in a part of its own (unknown)"
    add("--rules", default="unknown", metavar="N", help=rules)
    flops = "at most so many FLOPs a sample, forward"
    add("--budget-flops", type=float, default=math.inf, metavar="F", help=flops)
    params = "at most so many parameters in all"
    add("--budget-params", type=float, default=math.inf, metavar="P", help=params)
    add("--table", type=Path, default=TABLE, metavar="FILE", help="made by scripts/studies.py")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""Holds fresh benchmarks against the committed ones: what moved, and which goals are missed.

Rows are matched by case, subject and baseline. Ratios are compared, not seconds, so the machine may
be another one; a row has moved if the two 95 % intervals do not overlap. A quick run has smaller
sizes in some cases: those are named, and not compared.

Usage: python scripts/bench_compare.py FOLDER [--against benchmarks] [--strict]
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench_format import Row

ROOT = Path(__file__).parents[1]
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Comparison:
    """Two runs of one benchmark.

    Attributes:
        pairs: rows that both have: fresh, committed.
        fresh_only: rows of the fresh run that the committed one does not have.
        committed_only: the other way round.
    """

    pairs: list[tuple[Row, Row]]
    fresh_only: list[Row]
    committed_only: list[Row]

    @property
    def moved(self) -> list[tuple[Row, Row]]:
        """Pairs whose intervals do not overlap."""
        return [pair for pair in self.pairs if change(*pair) != "same"]

    @property
    def missed(self) -> list[Row]:
        """Fresh rows of pairs with a goal that no part of the interval reaches: goals are for the
        sizes of the committed run."""
        return [row for row, _ in self.pairs if not row.reached]


def compared(fresh: Iterable[Row], committed: Iterable[Row]) -> Comparison:
    """Matches rows by what they say they measure."""
    new, old = ({_key(row): row for row in rows} for rows in (fresh, committed))
    return Comparison(
        [(row, old[key]) for key, row in new.items() if key in old],
        [row for key, row in new.items() if key not in old],
        [row for key, row in old.items() if key not in new],
    )


def change(fresh: Row, committed: Row) -> Literal["better", "worse", "same"]:
    """Where the interval of a row went; `same` while it overlaps the committed one."""
    if fresh.low <= committed.high and committed.low <= fresh.high:
        return "same"
    lower = fresh.ratio < committed.ratio
    return "better" if lower == (fresh.better == "lower") else "worse"


def report(name: str, found: Comparison) -> list[str]:
    """What a reader needs to know of one benchmark, in lines."""
    kinds = [change(*pair) for pair in found.pairs]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("better", "worse", "same"))
    lines = [f"{name}: {len(found.pairs)} rows compared: {counts}"]
    for fresh, committed in found.moved:
        went = f"{_interval(committed)} -> {_interval(fresh)}"
        lines.append(f"  {change(fresh, committed):<7}{_title(fresh)}: {went}")
    lines += [
        f"  missed {_title(row)}: {_interval(row)}, goal {_goal(row)}" for row in found.missed
    ]
    here, there = len(found.fresh_only), len(found.committed_only)
    if here or there:
        why = "of another size, or in one run only"
        lines.append(f"  not compared, {why}: {here} rows here, {there} committed")
    return lines


def rows_of(file: Path) -> list[Row]:
    """The rows of a benchmark's JSON."""
    return [Row(**row) for row in json.loads(file.read_text(encoding="utf-8"))["rows"]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the comparison; 1 with `--strict` if something is worse or a goal is missed."""
    options = _parser().parse_args(arguments)
    worse = False
    for file in sorted(options.folder.glob("*.json")):
        committed = options.against / file.name
        known = rows_of(committed) if committed.is_file() else []
        found = compared(rows_of(file), known)
        print("\n".join(report(file.stem, found)))
        worse |= bool(found.missed) or "worse" in [change(*pair) for pair in found.pairs]
    return int(worse and options.strict)


def _key(row: Row) -> Key:
    return row.case, row.subject, row.baseline


def _title(row: Row) -> str:
    return f"{row.case} | {row.subject} / {row.baseline}"


def _interval(row: Row) -> str:
    return f"{row.ratio:.4g} ({row.low:.4g} to {row.high:.4g})"


def _goal(row: Row) -> str:
    return f"{'<=' if row.better == 'lower' else '>='} {row.goal:.4g}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="of fresh JSON files")
    parser.add_argument("--against", type=Path, default=ROOT / "benchmarks", metavar="FOLDER")
    parser.add_argument("--strict", action="store_true", help="exit code 1 for what is worse")
    return parser


if __name__ == "__main__":
    sys.exit(main())

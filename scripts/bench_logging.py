"""Times what all logging costs: fits with metrics.csv, tables and offline W&B against fits without.

Usage: python scripts/bench_logging.py [--quick] [--out FILE.json]

Both are `Trainer.fit` as `train.py` calls it, with the same metrics, progress and checkpoints; only
the loggers differ. Times are CPU seconds of this process, see `bench_training.py`; opening and
closing W&B's run is outside of them.
"""

from dataclasses import replace

from bench_format import Row, arguments, median_interval, publish, ratios
from bench_training import Case, ours, prepare

MOST = 1.05
PANELS = ("ffn", "sparse", "moe")


def measure(panel: str, quick: bool) -> Row:
    """One panel at its default size."""
    samples, epochs, rounds = (1000, 1, 6) if quick else (8000, 10, 15)
    all_on = Case(f"residual {panel}", [f"model={panel}"], samples, epochs, rounds, stock=False)
    quotients = ratios(lambda: ours(all_on), lambda: ours(replace(all_on, logger="none")), rounds)
    row = median_interval(quotients)
    return Row(str(all_on), "everything logged", "nothing logged", *row, MOST)


def main() -> None:
    """Measures, prints and, if asked, writes."""
    options = arguments(__doc__)
    prepare()
    publish("logging", [measure(panel, options.quick) for panel in PANELS], options.out)


if __name__ == "__main__":
    main()

"""Times the making of multimodal data and the reading of one epoch against the plain ways.

Usage: python scripts/bench_data.py [--quick] [--out FILE.json]
"""

import numpy as np
import torch
from bench_format import Row, arguments, compare, publish
from source_signals import source_signals
from torch import Generator
from torch.utils.data import DataLoader, TensorDataset

from triptych.data import FAMILIES, MultimodalData, make_signals

SEQ_LEN, NOISE = 32, 0.08
SOURCE = ("sinusoid", "cubic", "source_steps", "exponential")
REPAIRED = ("sinusoid", "cubic", "steps", "exponential")


def generation(n: int, names: tuple[str, ...], rounds: int) -> Row:
    """All signals at once against one signal at a time, as the source makes them."""
    families = [FAMILIES[name] for name in names]
    kind = "as in the source" if "source_steps" in names else "repaired"
    return compare(
        f"make {n:,} samples, {kind}",
        (
            "make_signals",
            lambda: make_signals(n, families, SEQ_LEN, NOISE, Generator().manual_seed(0)),
        ),
        ("loop of the source", lambda: source_signals(n, SEQ_LEN, NOISE, np.random.RandomState(0))),
        rounds,
        goal=1 / 50,
    )


def epoch(n: int, batch_size: int, rounds: int) -> Row:
    """One shuffled epoch from memory against PyTorch's own loader."""
    data = MultimodalData(seed=0, n_train=n, batch_size=batch_size)
    loader = data.train_dataloader()
    plain = DataLoader(TensorDataset(*data.splits.train), batch_size, shuffle=True)
    return compare(
        f"read an epoch of {n:,} samples in batches of {batch_size}",
        ("TensorBatches", lambda: sum(1 for _ in loader)),
        ("DataLoader", lambda: sum(1 for _ in plain)),
        rounds,
        goal=1 / 10,
    )


def main() -> None:
    """Measures, prints and, if asked, writes."""
    options = arguments(__doc__)
    # One thread within an operation on both sides: the baselines cannot use more, and on a busy
    # machine the threads of one operation wait for each other longer than they work.
    torch.set_num_threads(1)
    n, rounds = (2_000, 7) if options.quick else (100_000, 15)
    rows = [
        generation(n, SOURCE, rounds),
        generation(n, REPAIRED, rounds),
        epoch(8000, 128, rounds),
    ]
    publish("data", rows, options.out)


if __name__ == "__main__":
    main()

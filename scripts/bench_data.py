"""Times the making of multimodal data and the reading of one epoch against the plain ways.

The epoch of `data=memmap` is read from files that the system has been told to forget, as larger
ones would be: 10 GB of features below `--folder`, removed at the end. Its baseline reads the same
files from the first byte to the last, with nothing done to them.

Usage: python scripts/bench_data.py [--quick] [--out FILE.json] [--folder DIR]
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from bench_format import (
    FEWEST_ROUNDS,
    Row,
    compare,
    median_interval,
    parser,
    publish,
    ratios,
)
from source_signals import source_signals
from torch import Generator
from torch.utils.data import DataLoader, TensorDataset

from triptych.data import (
    FAMILIES,
    MemmapData,
    MultimodalData,
    Samples,
    make_signals,
    write_names,
    write_split,
)

SEQ_LEN, NOISE = 32, 0.08
WRITTEN = 1 << 20  # rows at a time
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
        goal=1 / 100,
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


@contextmanager
def files(gigabytes: float, parent: Path | None) -> Iterator[Path]:
    """A folder for `data=memmap` with a training split of that size, as long as the context.

    Raises:
        OSError: if the disk has less than twice the room.
    """
    room = shutil.disk_usage(parent or tempfile.gettempdir()).free
    if room < 2e9 * gigabytes:
        raise OSError(
            f"{gigabytes} GB need {2 * gigabytes:.0f} GB free, there are {room / 1e9:.0f}"
        )
    with tempfile.TemporaryDirectory(dir=parent) as place:
        folder = Path(place)
        n = int(gigabytes * 1e9) // (4 * SEQ_LEN)
        write_names(folder, ["even", "odd"], ["one"])
        for split in ("val", "test"):
            write_split(folder, split, Samples(torch.zeros(2, SEQ_LEN), *torch.zeros(2, 2).long()))
        x = np.lib.format.open_memmap(folder / "train_x.npy", "w+", np.float32, (n, SEQ_LEN))
        numbers = np.random.default_rng(0).random((WRITTEN, SEQ_LEN), np.float32)
        for start in range(0, n, WRITTEN):
            x[start : start + WRITTEN] = numbers[: n - start]
        x.flush()
        np.save(folder / "train_y.npy", np.arange(n) % 2)
        np.save(folder / "train_family.npy", np.zeros(n, np.int64))
        os.sync()
        yield folder


def from_disk(work: Callable[[Path], object], folder: Path) -> float:
    """Seconds of reading files of which the system holds nothing in memory."""
    for file in folder.glob("*.npy"):
        with file.open("rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    start = time.perf_counter()
    work(folder)
    return time.perf_counter() - start


def streamed(folder: Path) -> int:
    """One shuffled epoch in batches; the number of rows."""
    data = MemmapData(0, str(folder), batch_size=1024)
    return sum(len(batch.y) for batch in data.train_dataloader())


def from_first_to_last(folder: Path) -> None:
    """Every byte, into one buffer."""
    buffer = bytearray(8 << 20)
    for file in folder.glob("train_*.npy"):
        with file.open("rb", buffering=0) as opened:
            while opened.readinto(buffer):
                pass


def stream(gigabytes: float, parent: Path | None) -> Row:
    """One shuffled epoch of a large file against reading it."""
    with files(gigabytes, parent) as folder:
        quotients = ratios(
            lambda: from_disk(streamed, folder),
            lambda: from_disk(from_first_to_last, folder),
            FEWEST_ROUNDS,
        )
    case = f"read an epoch of {gigabytes:g} GB from disk"
    row = median_interval(quotients)
    return Row(case, "MemmapData", "sequential read", *row, goal=1 / 0.8)


def main() -> None:
    """Measures, prints and, if asked, writes."""
    asked = parser(__doc__)
    asked.add_argument("--folder", type=Path, metavar="DIR", help="where there is room for 10 GB")
    options = asked.parse_args()
    # One thread within an operation on both sides: the baselines cannot use more, and on a busy
    # machine the threads of one operation wait for each other longer than they work.
    torch.set_num_threads(1)
    n, rounds = (2_000, 7) if options.quick else (100_000, 15)
    rows = [
        generation(n, SOURCE, rounds),
        generation(n, REPAIRED, rounds),
        epoch(8000, 128, rounds),
        stream(0.2 if options.quick else 10, options.folder),
    ]
    publish("data", rows, options.out)


if __name__ == "__main__":
    main()

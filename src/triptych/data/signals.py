"""Noisy, labelled and shuffled signals of several families."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from triptych.data.families import Family


class Samples(NamedTuple):
    """A data set, or a batch of one.

    Attributes:
        x: features, (n, D) float32.
        y: class of each sample, (n,) int64.
        family: the process that made each sample, (n,) int64; for analysis, not for training.
    """

    x: Float[Tensor, "n D"]
    y: Int[Tensor, " n"]
    family: Int[Tensor, " n"]


def shares(n: int, parts: int) -> list[int]:
    """Splits n into whole parts that differ by one at most, larger ones first.

    >>> shares(10, 4)
    [3, 3, 2, 2]
    """
    return [n // parts + (part < n % parts) for part in range(parts)]


def make_signals(
    n: int, families: Sequence[Family], seq_len: int, noise: float, generator: Generator
) -> Samples:
    """n samples, as evenly divided over the families as whole numbers allow, in random order.

    The class of a sample is the index of its family in `families`. `noise` is the standard
    deviation of the noise, before the family's own `noise_scale`.
    """
    counts = shares(n, len(families))
    stream = _branch(generator)
    with ThreadPoolExecutor(max_workers=1) as second_thread:
        # Half of the work is noise, and its generator cannot be split over threads.
        pending = second_thread.submit(torch.randn, n, seq_len, generator=stream)
        signals = [
            family.signal(count, seq_len, generator)
            for family, count in zip(families, counts, strict=True)
        ]
        x = pending.result()
    for family, signal, rows in zip(families, signals, x.split(counts), strict=True):
        torch.add(signal, rows, alpha=noise * family.noise_scale, out=rows)
    labels = torch.repeat_interleave(torch.arange(len(families)), torch.tensor(counts))
    order = torch.randperm(n, generator=generator)
    y = labels[order]
    return Samples(x.index_select(0, order), y, y.clone())


def _branch(generator: Generator) -> Generator:
    """A new stream, seeded by the next draw of `generator`."""
    seed = torch.randint(torch.iinfo(torch.int64).max, (), generator=generator)
    return Generator().manual_seed(int(seed))

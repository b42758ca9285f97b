"""Splits that are independent draws from one known process."""

from collections.abc import Callable, Mapping

from torch import Generator

from triptych.data.module import Splits
from triptych.data.scaling import Scaling
from triptych.data.signals import Samples
from triptych.seeds import derive

Draw = Callable[[int, Generator], Samples]
"""A number of samples and a stream to samples that are not scaled yet."""


def task_stream(seed: int) -> Generator:
    """For what all splits of a data set share: directions, centres, rules. No split reads it."""
    return Generator().manual_seed(derive(seed, "task"))


def draw_splits(seed: int, sizes: Mapping[str, int], draw: Draw, scaling: Scaling) -> Splits:
    """Train, validation and test, each from a stream of its own, scaled by what train says.

    Args:
        seed: of the run. A split depends on it and on its own size, not on the other splits.
        sizes: samples of `train`, `val` and `test`.
        draw: the process.
        scaling: what to fit on the training features.
    """
    raw = {
        split: draw(n, Generator().manual_seed(derive(seed, "data", split)))
        for split, n in sizes.items()
    }
    scale = scaling.fit(raw["train"].x)
    return Splits(**{split: part._replace(x=scale(part.x)) for split, part in raw.items()})

"""Dropout whose random numbers come from a fast stream with a seed of its own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from triptych.errors import check_dropout

STEPS = 1 << 16  # values of one number of the stream
PER_WORD = 4  # numbers in 64 bits


@final
class Stream:
    """Numbers of 16 bits from NumPy's PCG64DXSM, without a buffer.

    The numbers are one sequence, given away in the order of asking: two requests get what one
    request for as many would.

    Args:
        seed: not negative.
    """

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64DXSM(seed)
        self._rest = np.empty(0, np.uint16)  # of the last 64 bits
        self._position = 0

    @property
    def position(self) -> int:
        """How many numbers were consumed."""
        return self._position

    def skip(self, count: int) -> None:
        """Goes past so many numbers, in no time: a new stream is then where one of the same seed
        with that `position` was."""
        whole, some = divmod(max(count - len(self._rest), 0), PER_WORD)
        self._bits.advance(whole)
        self._take(min(count, len(self._rest)) + some)
        self._position += whole * PER_WORD

    def keep(self, count: int, p: float, dtype: torch.dtype) -> Tensor:
        """(count) on the CPU: each 0 with probability P, else 1 / (1 - P), independent.

        P is the multiple of 2^-16 that is nearest to `p`, and less than 1.

        Args:
            count: of numbers of the stream, one for each value.
            p: in [0, 1).
            dtype: of the values; any floating one.
        """
        threshold = min(round(p * STEPS), STEPS - 1)
        scale = STEPS / (STEPS - threshold)
        wide = np.float64 if dtype == torch.float64 else np.float32
        values = np.multiply(self._take(count) >= threshold, wide(scale))
        return torch.from_numpy(values).to(dtype)

    def _take(self, count: int) -> np.ndarray:
        words = -(-(count - len(self._rest)) // PER_WORD)
        numbers = self._bits.random_raw(words).view(np.uint16) if words > 0 else self._rest[:0]
        if len(self._rest):
            numbers = np.concatenate([self._rest, numbers])
        self._position += count
        self._rest = numbers[count:].copy()
        return numbers[:count]


@final
class Dropout(nn.Module):
    """As `nn.Dropout`, in a fifth of its time on the CPU; there the probability is rounded to a
    multiple of 2^-16.

    On the CPU each layer has a stream of its own once `reseed` was called. Before, each call draws
    the seed of a stream from torch's global generator, so that `torch.manual_seed`, `fork_rng` and
    `torch.utils.checkpoint` do what they do to `nn.Dropout`; of a stream that goes on they know
    nothing. On other devices, and inside `torch.compile`, it is torch's dropout by torch's
    generator.

    Args:
        p: probability, in [0, 1).

    Attributes:
        stream: what the numbers come from; None before `reseed`.

    Raises:
        InvalidSetting: if it is outside.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        check_dropout(p)
        self.p = p
        self.stream: Stream | None = None

    def reseed(self, seed: int) -> None:
        """Starts a new stream."""
        self.stream = Stream(seed)

    def forward(self, x: Tensor) -> Tensor:
        """In training some values are 0 and the others larger; of any shape."""
        if not self.training or self.p == 0:
            return x
        if _is_torchs(x):
            return F.dropout(x, self.p)
        return x * self.factors(x.shape, x)

    def factors(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """What training multiplies values of this shape by, in the precision of `like`."""
        if _is_torchs(like):
            return F.dropout(like.new_ones(shape), self.p)
        stream = self.stream or Stream(int(torch.randint(1 << 62, ())))
        return stream.keep(torch.Size(shape).numel(), self.p, like.dtype).view(shape)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"


def _is_torchs(x: Tensor) -> bool:
    return x.device.type != "cpu" or torch.compiler.is_compiling()


def dropouts(network: nn.Module) -> dict[str, Dropout]:
    """All of a network, by name."""
    return {name: m for name, m in network.named_modules() if isinstance(m, Dropout)}


@contextmanager
def streams_kept(network: nn.Module) -> Iterator[None]:
    """Afterwards all streams are where they were."""
    streams = {layer: layer.stream for layer in dropouts(network).values()}
    for layer in streams:
        layer.stream = deepcopy(layer.stream)
    try:
        yield
    finally:
        for layer, stream in streams.items():
            layer.stream = stream

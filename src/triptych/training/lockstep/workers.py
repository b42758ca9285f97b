"""Several parts of one step at once, each in a thread of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, final

import torch

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@final
class Workers:
    """Threads that each compute alone. Other than those inside of PyTorch's operations they do not
    wait for each other within a step, so other work on the machine costs them no more than its
    time.

    Args:
        threads: how many; with one all happens in the caller's.
    """

    def __init__(self, threads: int) -> None:
        self._pool = None if threads == 1 else ThreadPoolExecutor(threads, initializer=_begin)

    def each(self, act: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
        """What `act` answers to each item."""
        if self._pool is None:
            return [act(item) for item in items]
        return list(self._pool.map(act, items))

    def end(self) -> None:
        """Lets the threads go; afterwards all happens in the caller's."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


def _begin() -> None:
    """Both are settings of a thread."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)

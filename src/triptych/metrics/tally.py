"""How many routes each expert gets while a net trains."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from triptych.moe import Routing, count_ids

COUNT_EVERY = 50  # batches that wait to be counted together: one operation for all of them
Mask = Tensor | None


@final
class LoadTally:
    """Routes per expert of one layer, those asked for and those that ran, on this process.

    A batch costs no tensor operation: its decisions are kept, without gradient, and many are
    counted at once. Its sums are not buffers, because DDP would put those of rank 0 in their place.

    Args:
        num_experts: E.
    """

    def __init__(self, num_experts: int) -> None:
        self._experts = num_experts
        self._waiting: list[tuple[Tensor, Mask, Mask]] = []
        self._sums: list[Tensor] = []

    def note(self, routing: Routing) -> None:
        """Adds a batch."""
        self._waiting.append((routing.experts, routing.counted(), routing.running()))
        if len(self._waiting) == COUNT_EVERY:
            self._count()

    def sums(self) -> Tensor:
        """Routes before any was dropped, and those that ran (2, E)."""
        self._count()
        return torch.stack(self._sums or [torch.zeros(2, self._experts, dtype=torch.long)]).sum(
            dim=0
        )

    def take(self) -> Tensor:
        """The same; the next ones start at 0."""
        sums = self.sums()
        self._sums = []
        return sums

    def go_on(self, sums: Tensor) -> None:
        """Starts with earlier sums (2, E)."""
        self._waiting.clear()
        self._sums = [sums]

    def _count(self) -> None:
        if not self._waiting:
            return
        experts, counted, running = zip(*self._waiting, strict=True)
        self._waiting.clear()
        ids = torch.cat([e.flatten() for e in experts])
        wanted = count_ids(ids, _joined(counted, experts), self._experts)
        executed = count_ids(ids, _joined(running, experts), self._experts)
        self._sums.append(torch.stack([wanted, executed]))


def _joined(masks: Sequence[Mask], like: Sequence[Tensor]) -> Mask:
    if all(mask is None for mask in masks):
        return None
    whole = zip(masks, like, strict=True)
    parts = [torch.ones_like(e, dtype=torch.bool) if m is None else m for m, e in whole]
    return torch.cat([part.flatten() for part in parts])

"""Rows that are sorted by expert."""

from functools import cached_property
from typing import final

import torch
from jaxtyping import Int
from torch import Tensor


@final
class Groups:
    """How many of the rows belong to each expert: the first `counts[0]` rows to expert 0, ...

    Args:
        counts: rows per expert, (E).
    """

    def __init__(self, counts: Int[Tensor, " E"]) -> None:
        self.counts = counts
        self._ends: Tensor | None = None

    @cached_property
    def sizes(self) -> list[int]:
        """The counts as numbers; on CUDA this waits for the device, once."""
        return self.counts.tolist()

    @property
    def ends(self) -> Int[Tensor, " E"]:
        """Where each group ends, as `torch.nn.functional.grouped_mm` wants it."""
        # No cached_property: the lock that it has in Python 3.11 stops torch.compile.
        if self._ends is None:
            self._ends = self.counts.cumsum(0).to(torch.int32)
        return self._ends

    def owners(self, rows: int) -> Int[Tensor, " N"]:
        """The expert of each row; the last one for rows of no group. Does not wait."""
        row = torch.arange(rows, device=self.ends.device, dtype=torch.int32)
        after = torch.searchsorted(self.ends, row, right=True)
        return after.clamp(max=len(self.counts) - 1)

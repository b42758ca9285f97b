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

    @cached_property
    def sizes(self) -> list[int]:
        """The counts as numbers; on CUDA this waits for the device, once."""
        return self.counts.tolist()

    @cached_property
    def ends(self) -> Int[Tensor, " E"]:
        """Where each group ends, as `torch.nn.functional.grouped_mm` wants it."""
        return self.counts.cumsum(0).to(torch.int32)

    def owners(self, rows: int) -> Int[Tensor, " N"]:
        """The expert of each row; the last one for rows of no group. Does not wait."""
        row = torch.arange(rows, device=self.ends.device, dtype=torch.int32)
        after = torch.searchsorted(self.ends, row, right=True)
        return after.clamp(max=len(self.counts) - 1)

"""What is noted of each training batch until the epoch is over."""

from collections.abc import Sequence
from typing import final

import torch
from lightning.pytorch.strategies import Strategy
from torch import Tensor

from triptych.training.partial_epoch import PartialEpoch


@final
class StepNotes:
    """Mean loss, number of right answers and size of each batch of this process.

    Attributes:
        first_step: the optimizer step that the epoch began with.
    """

    def __init__(self) -> None:
        self.first_step = 0
        self.losses: list[Tensor] = []
        self.sizes: list[int] = []
        self._right: list[Tensor] = []

    def begin(self, step: int) -> None:
        """Starts an epoch."""
        self.first_step = step
        for notes in (self.losses, self._right, self.sizes):
            notes.clear()

    def add(self, loss: Tensor, right: Tensor, size: int) -> int:
        """Notes a batch; how many there are now."""
        self.losses.append(loss)
        self._right.append(right)
        self.sizes.append(size)
        return len(self.losses)

    def take(self, losses: Tensor, right: Tensor, sizes: Sequence[int]) -> None:
        """Notes several batches that others looked at: losses and right answers (N) of each."""
        self.losses.extend(losses.unbind())
        self._right.extend(right.unbind())
        self.sizes.extend(sizes)

    def sums(self) -> tuple[Tensor, Tensor, int]:
        """Of losses over samples, of right answers and of samples."""
        losses = torch.stack(self.losses)
        sizes = torch.tensor(self.sizes, device=losses.device)
        return (losses * sizes).sum(), torch.stack(self._right).sum(), sum(self.sizes)

    def first_bad(self, since: int, strategy: Strategy) -> int | None:
        """The first batch from number `since` on whose loss is not finite, on any rank."""
        losses = self.losses[since:]
        if not losses:
            return None
        bad = ~torch.isfinite(torch.stack(losses))
        # Decided by all ranks together: one that stopped alone would leave the others waiting.
        on_any_rank = strategy.reduce(bad.double(), reduce_op="sum") > 0
        return since + int(on_any_rank.int().argmax()) if on_any_rank.any() else None

    def partial_epoch(self) -> PartialEpoch:
        """The notes so far, batch by batch, as sums of parts would be rounded otherwise."""
        first = torch.tensor(self.first_step, dtype=torch.double)
        return PartialEpoch(
            means={"losses": torch.stack(self.losses), "first_step": first},
            sums={"right": torch.stack(self._right), "sizes": torch.tensor(self.sizes)},
        )

    def go_on(self, part: PartialEpoch, device: torch.device) -> None:
        """Takes the notes of a checkpoint for its own."""
        self.begin(int(part.means["first_step"]))
        self.losses.extend(part.means["losses"].to(device).unbind())
        self._right.extend(part.sums["right"].to(device).unbind())
        self.sizes.extend(part.sums["sizes"].tolist())

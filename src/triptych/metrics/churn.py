"""How stable routing is: whether the same samples go to the same experts as last time."""

from typing import final

import torch
from torch import Tensor

from triptych.moe import Routing

NONE = -1  # in place of an expert where there is no route


@final
class RoutingChurn:
    """What changed since the last evaluation of the same samples in the same order.

    Holds the choices of one layer for all samples of this process: K + 1 numbers for each.

    Attributes:
        last: those of the last evaluation (N, K + 1), once there was one.
    """

    def __init__(self) -> None:
        self.last: Tensor | None = None
        self._now: list[Tensor] = []

    def note(self, routing: Routing) -> None:
        """Adds a batch."""
        self._now.append(choices(routing))

    def turn(self) -> Tensor:
        """Ends an evaluation, and compares it with the one before.

        Returns:
            Three counts that add up over processes: samples with another set of experts, samples
            with another favourite (the most probable expert), and samples compared. All are 0
            where there is nothing to compare with.
        """
        last, now = self.last, torch.cat(self._now) if self._now else None
        self.last = now
        self._now = []
        if now is None or last is None or last.shape != now.shape:
            like = torch.zeros(3, dtype=torch.long)
            return like if now is None else like.to(now.device)
        both = (last[:, 0] != NONE) & (now[:, 0] != NONE)
        other = (last != now) & both[:, None]
        return torch.stack([other[:, 1:].any(dim=1).sum(), other[:, 0].sum(), both.sum()])


def choices(routing: Routing) -> Tensor:
    """The most probable expert of each token, then its experts in order of number (T, 1 + K);
    all of them -1 for padding."""
    counted = routing.counted()
    chosen = routing.experts
    if counted is not None:
        chosen = torch.where(counted, chosen, NONE)
    favourite = routing.probs.argmax(dim=1)
    if routing.valid is not None:
        favourite = torch.where(routing.valid, favourite, NONE)
    return torch.cat([favourite[:, None], chosen.sort(dim=1).values], dim=1).int()

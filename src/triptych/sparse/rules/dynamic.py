"""Sparse from start to end, with weights that move: SET and RigL."""

from collections.abc import Callable
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from triptych.errors import InvalidSetting
from triptych.sparse.rules.rule import Periodic
from triptych.sparse.rules.schedules import cosine
from triptych.sparse.rules.topology import moved

Fall = Callable[[float, float], float]
"""(first fraction, progress) -> the share of a layer's weights that an update moves."""


@final
class SET(Periodic):
    """Drops the smallest weights and grows as many at random: sparse evolutionary training,
    Mocanu et al. 2018, arXiv 1707.04780, with the dropping by magnitude of Evci et al. 2020.

    Args:
        every: optimizer steps between two updates.
        until: share of the training in which masks change.
        drop: share of the weights that the first update moves.
        fall: how that share falls with time.
    """

    def __init__(self, *, every: int, until: float, drop: float, fall: Fall = cosine) -> None:
        super().__init__(every, until)
        _check_drop(drop)
        self.drop, self.fall = drop, fall

    def update(
        self,
        weight: Float[Tensor, "O D"],
        mask: Bool[Tensor, "O D"],
        gradient: Float[Tensor, "O D"] | None,
        progress: float,
        generator: torch.Generator,
    ) -> Bool[Tensor, "O D"]:
        """As many weights as before."""
        lots = torch.rand(mask.shape, generator=generator).to(weight)
        return moved(weight, mask, lots, int(self.fall(self.drop, progress) * int(mask.sum())))


@final
class RigL(Periodic):
    """Drops the smallest weights and grows as many where the gradient is largest: Evci et al. 2020,
    arXiv 1911.11134, algorithm 1, after the optimizer's step.

    Args:
        every: optimizer steps between two updates; each costs a dense gradient.
        until: share of the training in which masks change.
        drop: share of the weights that the first update moves.
        fall: how that share falls with time.
    """

    needs_gradient = True

    def __init__(self, *, every: int, until: float, drop: float, fall: Fall = cosine) -> None:
        super().__init__(every, until)
        _check_drop(drop)
        self.drop, self.fall = drop, fall

    def update(
        self,
        weight: Float[Tensor, "O D"],
        mask: Bool[Tensor, "O D"],
        gradient: Float[Tensor, "O D"] | None,
        progress: float,
        generator: torch.Generator,
    ) -> Bool[Tensor, "O D"]:
        """As many weights as before."""
        assert gradient is not None
        count = int(self.fall(self.drop, progress) * int(mask.sum()))
        return moved(weight, mask, gradient.abs(), count)


def _check_drop(drop: float) -> None:
    if not 0 <= drop <= 1:
        raise InvalidSetting(f"drop must be in [0, 1], got {drop}: a share of the weights")

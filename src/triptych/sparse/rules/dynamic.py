"""Sparse from start to end, with weights that move: SET and RigL."""

from collections.abc import Callable, Sequence
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from triptych.errors import InvalidSetting
from triptych.sparse.rules.rule import Periodic, View
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
        check_drop(drop)
        self.drop, self.fall = drop, fall

    def update(self, layers: Sequence[View], progress: float) -> list[Bool[Tensor, "_ _"]]:
        """As many weights in each layer as before."""
        share = self.fall(self.drop, progress)
        return [moved(layer.weight, layer.mask, _lots(layer), share) for layer in layers]


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
        check_drop(drop)
        self.drop, self.fall = drop, fall

    def update(self, layers: Sequence[View], progress: float) -> list[Bool[Tensor, "_ _"]]:
        """As many weights in each layer as before."""
        share = self.fall(self.drop, progress)
        return [moved(layer.weight, layer.mask, steepness(layer), share) for layer in layers]


def steepness(layer: View) -> Float[Tensor, "O D"]:
    """By which RigL chooses where weights grow."""
    assert layer.gradient is not None
    return layer.gradient.abs()


def _lots(layer: View) -> Float[Tensor, "O D"]:
    return torch.rand(layer.mask.shape, generator=layer.generator).to(layer.weight)


def check_drop(drop: float) -> None:
    """Refuses a share that no update can move.

    Raises:
        InvalidSetting: if it is outside [0, 1].
    """
    if not 0 <= drop <= 1:
        raise InvalidSetting(f"drop must be in [0, 1], got {drop}: a share of the weights")

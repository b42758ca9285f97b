"""Signals of constant pieces."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from triptych.data.bayes.likelihood import log_amplitude, log_noise


@final
@dataclass(frozen=True)
class Levels:
    """Pieces of known places with a level from U(-level, level) each; exact.

    Attributes:
        segments: `seq_len` to (choices, L), which says which level holds at each time; the
            choices are equally likely.
        most: the largest number of levels; segment `most` is 0.
        level: the largest level.
    """

    segments: Callable[[int], Int[Tensor, "choices L"]]
    most: int
    level: float

    def __call__(self, x: Float[Tensor, "n L"], noise: float) -> Float[Tensor, "n 1"]:
        """See `Likelihood`: given the choice, the levels are independent amplitudes."""
        x = x.double()
        choices = []
        for segment in self.segments(x.shape[1]):
            piece = one_hot(segment, self.most + 1)[:, : self.most].double()
            length = piece.sum(0)
            used = length > 0
            sums = (x @ piece)[:, used]
            logs = log_amplitude(sums, length[used], -self.level, self.level, noise)
            choices.append(logs.sum(1))
        mixture = torch.stack(choices).logsumexp(0) - torch.tensor(float(len(choices))).log()
        return (log_noise(x, noise) + mixture)[:, None]

"""Rules that label samples: small random networks, each as often above its threshold as below.

Letters: K teachers, m hidden units, d inputs.
"""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from triptych.data.ranges import require

SHARPNESS = 3.0
"""Standard deviation of a unit's input, before its offset: well into where tanh bends."""
OFFSET = 0.3
MEDIAN_DRAWS = 20_000


@final
@dataclass(frozen=True)
class Teachers:
    """`A . tanh(W z + b) > threshold`, one such rule for each of K teachers.

    With one unit the rule is linear: on one side of a hyperplane or on the other.

    Attributes:
        threshold: the median over z ~ N(0, 1), so that both answers are equally likely.
    """

    weight: Float[Tensor, "K m d"]
    offset: Float[Tensor, "K m"]
    readout: Float[Tensor, "K m"]
    threshold: Float[Tensor, " K"]

    def above(self, z: Float[Tensor, "n d"], which: Int[Tensor, " n"]) -> Bool[Tensor, " n"]:
        """The answer of teacher `which` to each row of `z`."""
        units = torch.einsum("nmd,nd->nm", self.weight[which], z).add_(self.offset[which])
        return (units.tanh_() * self.readout[which]).sum(1) > self.threshold[which]


def draw_teachers(count: int, units: int, d: int, generator: Generator) -> Teachers:
    """Independent teachers: W ~ N(0, 3^2 / d), A ~ N(0, 1), b ~ N(0, 0.3^2).

    Args:
        count: K.
        units: m, how hard one rule is.
        d: inputs.
        generator: of the task.
    """
    weight = torch.randn(count, units, d, generator=generator).mul_(SHARPNESS / d**0.5)
    readout = torch.randn(count, units, generator=generator)
    offset = torch.randn(count, units, generator=generator).mul_(OFFSET)
    z = torch.randn(MEDIAN_DRAWS, d, generator=generator)
    threshold = [
        ((z @ w.T).add_(b).tanh_() @ a).median()
        for w, b, a in zip(weight, offset, readout, strict=True)
    ]
    return Teachers(weight, offset, readout, torch.stack(threshold))


def flipped(
    right: Bool[Tensor, " n"], label_noise: float, generator: Generator
) -> Int[Tensor, " n"]:
    """Labels 0 and 1, each turned round with probability `label_noise`."""
    flips = torch.rand(len(right), generator=generator) < label_noise
    return (right ^ flips).long()


def require_label_noise(label_noise: float) -> None:
    """Refuses a label noise that leaves nothing to learn.

    Raises:
        InvalidSetting: unless it is in [0, 0.5).
    """
    require(0 <= label_noise < 0.5, "label_noise", label_noise, "in [0, 0.5)")

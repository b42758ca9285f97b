"""What two nets can have in common, so that a comparison of them is fair."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import final

from triptych.cost.forecast import Forecast

Samples = Callable[[], Sequence[int]]
"""() -> the samples of each optimizer step of a training, over all processes."""


class Budget(ABC):
    """A number that is known before training, and that grows with the width of a net.

    Attributes:
        kind: its name, as in `match=active`.
        unit: what it counts, in the plural.
    """

    kind: str
    unit: str

    @abstractmethod
    def of(self, net: Forecast, samples: Samples) -> float:
        """Of a net that trains on so many samples."""


@final
class ActiveFlops(Budget):
    """FLOPs that a sample needs in the trained net, routers included."""

    kind, unit = "active", "FLOPs a sample"

    def of(self, net: Forecast, samples: Samples) -> float:
        """`Cost.flops`."""
        return net.cost().flops


@final
class TotalParameters(Budget):
    """Parameters that the trained net has; those that a mask leaves out do not exist."""

    kind, unit = "total", "parameters"

    def of(self, net: Forecast, samples: Samples) -> float:
        """`Cost.params_total`."""
        return net.cost().params_total


@final
class WholeTraining(Budget):
    """FLOPs that all training steps need, on equal samples."""

    kind, unit = "train_flops", "training FLOPs"

    def of(self, net: Forecast, samples: Samples) -> float:
        """As `compute/train_flops` is logged after the last epoch."""
        return net.training_flops(samples())

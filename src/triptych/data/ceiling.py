"""The accuracy that no classifier can exceed, where the process that made the data is known."""

from typing import NamedTuple


class Ceiling(NamedTuple):
    """The accuracy of the Bayes classifier, which knows everything but what is random.

    Attributes:
        accuracy: in [0, 1].
        standard_error: of `accuracy`; 0 where it is exact.
        samples: how many it was estimated from; 0 where it is exact.
    """

    accuracy: float
    standard_error: float
    samples: int = 0

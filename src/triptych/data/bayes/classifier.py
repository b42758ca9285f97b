"""From likelihoods to the accuracy of the Bayes classifier."""

from jaxtyping import Float
from torch import Tensor

from triptych.data.ceiling import Ceiling

SAMPLES = 10_000
QUIETEST = 1e-3  # noise below which quadratures would need too many nodes
LONGEST = 4096  # times above which they would


def answerable(seq_len: int, noise: float) -> bool:
    """Whether a ceiling is worth trying; the likelihoods of some families may still give up."""
    return noise >= QUIETEST and seq_len <= LONGEST


def bayes_ceiling(log_joint: Float[Tensor, "n C"]) -> Ceiling:
    """The mean of the largest posterior probability.

    The Bayes classifier is right about a sample with just that probability; whether it is right
    about the label that was drawn has the same mean and more noise.

    Args:
        log_joint: log p(x, class) of samples drawn from the same law, up to a constant for each.
    """
    best = log_joint.softmax(1).amax(1)
    error = best.std(correction=0) / len(best) ** 0.5
    return Ceiling(float(best.mean()), float(error), len(best))

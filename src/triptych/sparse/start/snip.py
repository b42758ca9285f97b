"""SNIP: the weights that the loss would notice."""

from typing import Any, final

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from triptych.sparse.start.dense import DenseCopy
from triptych.sparse.start.samples import check_samples
from triptych.sparse.start.start import Start, everywhere, largest


@final
class SNIP(Start):
    """Keeps the weights whose loss would change most if they were scaled: Lee et al. 2019,
    arXiv 1810.02340, eq. 4 and 5.

    Args:
        samples: how many the loss is the mean of, the first ones.
        common: what every `Start` takes.

    Raises:
        InvalidSetting: if samples is below 1.
    """

    def __init__(self, *, samples: int, **common: Any) -> None:
        super().__init__(**common)
        check_samples(samples)
        self.samples = samples

    def choose(
        self, copy: DenseCopy, x: Float[Tensor, "N D"], y: Int[Tensor, " N"], count: int
    ) -> dict[str, Tensor]:
        """By one ranking of all layers."""
        scores = snip_scores(copy, x[: self.samples], y[: self.samples])
        return largest(scores, everywhere(copy.weights), count)


def snip_scores(
    copy: DenseCopy, x: Float[Tensor, "N D"], y: Int[Tensor, " N"]
) -> dict[str, Tensor]:
    """`|w dL/dw|`, (O, D) by layer: how fast the mean cross entropy L changes with a factor on a
    weight."""
    gradients = copy.gradients(F.cross_entropy(copy.net(x), y), differentiable=False)
    return {name: (w.detach() * gradients[name]).abs() for name, w in copy.weights.items()}

"""GraSP: the weights that keep gradients flowing."""

from typing import Any, final

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from triptych.errors import InvalidSetting
from triptych.sparse.start.dense import DenseCopy
from triptych.sparse.start.samples import check_samples
from triptych.sparse.start.start import Start, everywhere, largest


@final
class GraSP(Start):
    """Removes the weights without which the gradient's norm would grow most, or fall least: Wang et
    al. 2020, arXiv 2002.07376, eq. 8 and algorithm 1. As in the authors' code, the gradient is that
    of the weights that may go.

    Args:
        samples: how many the loss is the mean of, the first ones.
        temperature: logits are divided by it, which evens what first weights say by chance; 200 in
            the paper.
        common: what every `Start` takes.

    Raises:
        InvalidSetting: if samples is below 1, or temperature not above 0.
    """

    def __init__(self, *, samples: int, temperature: float, **common: Any) -> None:
        super().__init__(**common)
        check_samples(samples)
        if not temperature > 0:
            raise InvalidSetting(
                f"model.mask.start.temperature={temperature} must be greater than 0"
            )
        self.samples, self.temperature = samples, temperature

    def choose(
        self, copy: DenseCopy, x: Float[Tensor, "N D"], y: Int[Tensor, " N"], count: int
    ) -> dict[str, Tensor]:
        """By one ranking of all layers: what stays has the lowest scores."""
        scores = grasp_scores(copy, x[: self.samples], y[: self.samples], self.temperature)
        kept = {name: -score for name, score in scores.items()}
        return largest(kept, everywhere(copy.weights), count)


def grasp_scores(
    copy: DenseCopy, x: Float[Tensor, "N D"], y: Int[Tensor, " N"], temperature: float
) -> dict[str, Tensor]:
    """`-w (H g)`, (O, D) by layer: half of the first order change of `|g|^2` when a weight goes.

    g is the gradient of the mean cross entropy, H its Hessian; `H g` is the gradient of `g c` with
    c a constant equal to g.
    """
    loss = F.cross_entropy(copy.net(x) / temperature, y)
    gradients = copy.gradients(loss, differentiable=True)
    along = sum((g * g.detach()).sum() for g in gradients.values())
    assert isinstance(along, Tensor)
    curved = copy.gradients(along, differentiable=False)
    return {name: -w.detach() * curved[name] for name, w in copy.weights.items()}

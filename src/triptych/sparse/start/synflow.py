"""SynFlow: the weights that a net's paths need, without any data."""

from typing import Any, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from triptych.errors import InvalidSetting
from triptych.sparse.start.dense import DenseCopy
from triptych.sparse.start.start import Start, everywhere, largest

NORMS = (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.BatchNorm1d)


@final
class SynFlow(Start):
    """Keeps the weights through which most of the net's paths flow, leaving out a part at a time,
    so that no layer is emptied while another is full: Tanaka et al. 2020, arXiv 2006.05467,
    algorithm 1. Of samples only the width is looked at.

    Args:
        rounds: after round k of n, a share `density ** (k / n)` of the weights is left; 100 in the
            paper.
        common: what every `Start` takes.

    Raises:
        InvalidSetting: if rounds is below 1.
    """

    def __init__(self, *, rounds: int, **common: Any) -> None:
        super().__init__(**common)
        if rounds < 1:
            raise InvalidSetting(f"model.mask.start.rounds={rounds} must be at least 1")
        self.rounds = rounds

    def choose(
        self, copy: DenseCopy, x: Float[Tensor, "N D"], y: Int[Tensor, " N"], count: int
    ) -> dict[str, Tensor]:
        """By a new ranking of all layers in each round."""
        linearise(copy.net)
        masks = everywhere(copy.weights)
        places = sum(weight.numel() for weight in copy.weights.values())
        for done in range(1, self.rounds + 1):
            scores = flow_scores(copy, torch.ones_like(x[:1]))
            left = round(places * (count / places) ** (done / self.rounds))
            masks = largest(scores, masks, left)
            with torch.no_grad():
                for name, weight in copy.weights.items():
                    weight *= masks[name]
        return masks


@torch.no_grad()
def linearise(net: nn.Module) -> None:
    """Makes a net the product of its matrices' absolute values (paper, eq. 2).

    A normalisation becomes the identity, which is what batch normalisation at its first values is
    in evaluation mode, where the authors measure. A layer normalisation left as it is would undo
    any scaling of what is before it, so the scores there would sum to 0, some of them negative; but
    that scores are positive and of equal sum in each layer is what prevents layer collapse
    (theorems 2 and 3). For the same reason biases are 0: they are no path from an input. ReLU
    changes nothing where all is positive.
    """
    for name, module in list(net.named_modules()):
        if isinstance(module, NORMS):
            net.set_submodule(name, nn.Identity())
    for parameter in net.parameters():
        if parameter.ndim > 1:
            parameter.abs_()
        else:
            parameter.zero_()


def flow_scores(copy: DenseCopy, ones: Float[Tensor, "1 D"]) -> dict[str, Tensor]:
    """`w dR/dw`, (O, D) by layer, R the sum of a linearised net's outputs: the share of R that
    flows through a weight (paper, eq. 3)."""
    gradients = copy.gradients(copy.net(ones).sum(), differentiable=False)
    return {name: w.detach() * gradients[name] for name, w in copy.weights.items()}

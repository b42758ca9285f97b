"""A feed-forward layer in which each sample wakes one hidden unit in N."""

from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from triptych.dropout import Dropout
from triptych.errors import IncompatibleSettings, InvalidSetting, check_dropout
from triptych.sparse.dynamic.chosen import chosen_product
from triptych.types import Cost

TINY = 1e-20  # instead of the 0 that a generator may draw: its logarithm is finite


@final
class Controller(nn.Module):
    """Scores hidden units, F of them in blocks of N: `(x C1) C2 + b`, with C1 to a low rank.

    Args:
        d_in: D.
        d_hidden: F.
        block: N.
        rank: width between C1 and C2.

    Raises:
        InvalidSetting: if a number is too small.
        IncompatibleSettings: if F hidden units have no whole blocks of N.
    """

    def __init__(self, d_in: int, d_hidden: int, block: int, rank: int) -> None:
        super().__init__()
        for name, value in (("d_hidden", d_hidden), ("block", block), ("rank", rank)):
            if value < 1:
                raise InvalidSetting(f"model.{name} must be at least 1, got {value}")
        if d_hidden % block:
            raise IncompatibleSettings(
                f"model.d_hidden={d_hidden} has no whole blocks of model.block={block}:"
                f" take model.d_hidden={block * max(1, round(d_hidden / block))}"
            )
        self.block = block
        self.low = nn.Linear(d_in, rank, bias=False)
        self.high = nn.Linear(rank, d_hidden)

    def forward(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch K N"]:
        """(..., D) -> scores (..., F / N, N)."""
        return self.high(self.low(x)).unflatten(-1, (-1, self.block))


@final
class ControllerFFN(nn.Module):
    """D -> F -> O with ReLU, where a controller wakes one hidden unit in each block of N
    (Jaszczur et al. 2021, arXiv 2111.12763, section 3.1).

    In training all F units are computed and multiplied by `training_mask`; in evaluation the unit
    with the best score works alone, and only its weights are read: see `chosen_product`. The noise
    of training comes from torch's global generator, as that of dropout does.

    The second matrix is initialised by the F / N units that work, as `nn.Linear` is by all: else
    the outputs of evaluation would have 1/N of the variance.

    Args:
        d_in: D.
        d_hidden: F, a multiple of N.
        d_out: O.
        block: N.
        rank: of the controller.
        temperature: of its noise and its softmax in training.
        hard_share: the share of training batches that one unit in N works on, as in evaluation.
        dropout: probability, of hidden units.

    Raises:
        InvalidSetting: if a number is out of its range.
        IncompatibleSettings: if N does not divide F.
    """

    def __init__(
        self,
        d_in: int,
        d_hidden: int,
        d_out: int,
        *,
        block: int,
        rank: int,
        temperature: float = 0.1,
        hard_share: float = 0.3,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if not temperature > 0:
            raise InvalidSetting(f"model.temperature must be greater than 0, got {temperature}")
        if not 0 <= hard_share <= 1:
            raise InvalidSetting(f"model.hard_share must be in [0, 1], got {hard_share}")
        check_dropout(dropout)
        self.controller = Controller(d_in, d_hidden, block, rank)
        self.block, self.temperature, self.hard_share = block, temperature, hard_share
        up, down = d_in**-0.5, (d_hidden // block) ** -0.5
        self.up = nn.Parameter(torch.empty(d_hidden, d_in).uniform_(-up, up))
        self.up_bias = nn.Parameter(torch.empty(d_hidden).uniform_(-up, up))
        self.down = nn.Parameter(torch.empty(d_hidden, d_out).uniform_(-down, down))
        self.down_bias = nn.Parameter(torch.empty(d_out).uniform_(-down, down))
        self.dropout = Dropout(dropout)

    def forward(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch O"]:
        """(..., D) -> (..., O)."""
        return self.work(x, self.controller(x))

    def work(
        self, x: Float[Tensor, "*batch D"], scores: Float[Tensor, "*batch K N"]
    ) -> Float[Tensor, "*batch O"]:
        """The output under the controller's scores."""
        flat = x.reshape(x.shape[:-1].numel(), x.shape[-1])
        scores = scores.reshape(len(flat), *scores.shape[-2:])
        if self.training:
            mask = training_mask(scores, self.temperature, self.hard_share).flatten(1)
            hidden = self.dropout(F.linear(flat, self.up, self.up_bias).relu() * mask)
            y = hidden @ self.down
        else:
            y = chosen_product(flat, chosen_units(scores), self.up, self.up_bias, self.down)
        return (y + self.down_bias.to(y.dtype)).view(*x.shape[:-1], len(self.down_bias))

    def cost(self) -> Cost:
        """What evaluation needs; executed are the products of training, with all units.

        A sample meets the whole controller, and the weights of the units that it wakes.
        """
        d_hidden, d_in = self.up.shape
        d_out, units = len(self.down_bias), d_hidden // self.block
        controller = sum(p.numel() for p in self.controller.parameters())
        scores = 2 * (controller - d_hidden)  # the bias is added
        total = sum(p.numel() for p in self.parameters())
        active = controller + units * (d_in + 1 + d_out) + d_out
        needed, dense = (2 * count * (d_in + d_out) for count in (units, d_hidden))
        return Cost(total, active, scores + needed, scores + dense)


def chosen_units(scores: Float[Tensor, "B K N"]) -> Int[Tensor, "B K"]:
    """The unit with the best score in each block, as a number from 0 to K * N - 1."""
    _, blocks, block = scores.shape
    return scores.argmax(dim=2) + torch.arange(blocks, device=scores.device) * block


def training_mask(
    scores: Float[Tensor, "B K N"], temperature: float, hard_share: float
) -> Float[Tensor, "B K N"]:
    """A softmax over each block of `scores / temperature` with Gumbel noise; with probability
    `hard_share`, the same for a whole batch, its one-hot with the gradient of the soft one
    (straight through).

    The unit with the largest share is drawn as in the authors' code (trax, `SparseFF`), which
    adds noise times the temperature to the scores. There the soft mask has neither noise nor
    temperature; here it has both, because what it then is on 70 % of the batches is nearer to
    the one-hot of evaluation.
    """
    # In single precision at least: in half, one number in 256 would be 0.
    uniform = torch.rand(scores.shape, device=scores.device).clamp_(min=TINY)
    soft = (scores / temperature - (-uniform.log()).log()).softmax(dim=2)
    best = soft.argmax(dim=2, keepdim=True)
    hard = torch.zeros_like(soft).scatter_(2, best, 1.0) + soft - soft.detach()
    return torch.where(torch.rand((), device=scores.device) < hard_share, hard, soft)

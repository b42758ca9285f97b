"""Equal experts, their weights in one tensor."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from triptych.dropout import Dropout
from triptych.errors import check_width
from triptych.moe.experts.activations import Activation, ReLU
from triptych.moe.experts.bank import ExpertBank
from triptych.moe.experts.shardable import Shardable, keep_rows
from triptych.types import Cost

StackedLinear = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""(rows, weight (E, O, D), bias (E, O) or None) -> rows of width O."""


@final
class StackedMLP(ExpertBank, Shardable):
    """Equal experts with one hidden layer, their weights stacked: (E, W, D) and (E, O, F).

    Stacked, so that an expert without tokens gets a zero gradient instead of none, which plain
    DDP needs. Each expert is initialised as its own pair of `nn.Linear`. W is F, or 2 F for a
    gated activation.

    Args:
        num_experts: E.
        d_in: D.
        d_out: O.
        d_hidden: F, hidden units per expert.
        dropout: probability after the activation.
        activation: makes what is between the layers.
        bias: whether both layers add one.
    """

    up_bias: nn.Parameter | None
    down_bias: nn.Parameter | None

    def __init__(
        self,
        num_experts: int,
        d_in: int,
        d_out: int,
        *,
        d_hidden: int,
        dropout: float = 0.0,
        activation: Callable[[], Activation] = ReLU,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_width(d_hidden, dropout)
        self.num_experts = num_experts
        self.dropout = Dropout(dropout)
        self.activation = activation()
        width = d_hidden * self.activation.inputs_per_unit
        self.up = nn.Parameter(_uniform(num_experts, width, d_in, fan_in=d_in))
        self.down = nn.Parameter(_uniform(num_experts, d_out, d_hidden, fan_in=d_hidden))
        if bias:
            self.up_bias = nn.Parameter(_uniform(num_experts, width, fan_in=d_in))
            self.down_bias = nn.Parameter(_uniform(num_experts, d_out, fan_in=d_hidden))
        else:
            self.up_bias = self.down_bias = None

    def each(self) -> Sequence[Callable[[Tensor], Tensor]]:
        """Views of the stacked weights, one per expert."""
        # unbind, not weight[e]: indexing makes a full (E, ...) gradient per expert in backward.
        up_bias = repeat(None) if self.up_bias is None else self.up_bias.unbind(0)
        down_bias = repeat(None) if self.down_bias is None else self.down_bias.unbind(0)
        parts = zip(self.up.unbind(0), up_bias, self.down.unbind(0), down_bias, strict=False)
        return [partial(self._one, *part) for part in parts]

    def through(self, rows: Tensor, linear: StackedLinear) -> Tensor:
        """All experts at once.

        Args:
            rows: in whatever layout `linear` understands, width last.
            linear: maps rows by a stacked weight (E, W, D) and bias (E, W) or None.
        """
        hidden = self.activate(linear(rows, self.up, self.up_bias))
        return linear(hidden, self.down, self.down_bias)

    def activate(self, hidden: Tensor) -> Tensor:
        """Activation and dropout."""
        return self.dropout(self.activation(hidden))

    def dropout_factors(self, rows: int, like: Tensor) -> Tensor | None:
        """What dropout multiplies the hidden units of so many rows by (N, F), all drawn at once;
        None where it does nothing."""
        if self.dropout.p == 0 or not self.training:
            return None
        return self.dropout.factors((rows, self.down.shape[2]), like)

    def _one(
        self, up: Tensor, up_bias: Tensor | None, down: Tensor, down_bias: Tensor | None, x: Tensor
    ) -> Tensor:
        return F.linear(self.activate(F.linear(x, up, up_bias)), down, down_bias)

    def costs(self) -> list[Cost]:
        """Equal for all experts."""
        held = self.up.shape[0]
        products = (self.up.numel() + self.down.numel()) // held
        params = sum(p.numel() for p in self.parameters()) // held
        return [Cost(params, params, 2 * products, 2 * products)] * self.num_experts

    def keep(self, own: range) -> None:
        """Rows `own` of each parameter."""
        keep_rows(self, own)


def _uniform(*shape: int, fan_in: int) -> Tensor:
    """The law of `nn.Linear`, per expert: the fans of the stacked tensor would be wrong."""
    return torch.empty(*shape).uniform_(-(fan_in**-0.5), fan_in**-0.5)

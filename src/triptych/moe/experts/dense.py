"""A dense network of an expert's build: for tokens that all take it, and for fair comparison."""

from collections.abc import Callable
from typing import final

from torch import Tensor, nn

from triptych.dropout import Dropout
from triptych.errors import check_width
from triptych.moe.experts.activations import Activation, ReLU
from triptych.moe.experts.stacked import StackedMLP


@final
class DenseMLP(nn.Module):
    """D - F - O, as one expert of a `StackedMLP` is built. As a shared expert, it is what every
    token passes beside its chosen ones (DeepSeekMoE, arXiv 2401.06066, 3.2).

    Args:
        d_in: D.
        d_out: O.
        d_hidden: F.
        dropout: probability after the activation.
        activation: makes what is between the layers.
        bias: whether both layers add one.
    """

    def __init__(
        self,
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
        self.activation, self.dropout = activation(), Dropout(dropout)
        self.up = nn.Linear(d_in, d_hidden * self.activation.inputs_per_unit, bias)
        self.down = nn.Linear(d_hidden, d_out, bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., O)."""
        return self.down(self.dropout(self.activation(self.up(x))))


def same_active(experts: StackedMLP, top_k: int) -> DenseMLP:
    """The dense network whose weights and FLOPs are those that a token meets in K experts."""
    return _dense(experts, top_k)


def same_total(experts: StackedMLP) -> DenseMLP:
    """The dense network that has as many weights as all experts together."""
    return _dense(experts, experts.num_experts)


def _dense(experts: StackedMLP, times: int) -> DenseMLP:
    hidden = experts.down.shape[2]
    return DenseMLP(
        experts.up.shape[2],
        experts.down.shape[1],
        d_hidden=times * hidden,
        dropout=experts.dropout.p,
        activation=type(experts.activation),
        bias=experts.up_bias is not None,
    ).to(experts.up)

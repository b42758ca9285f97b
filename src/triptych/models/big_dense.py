"""The companion of the MoE panel: a dense net with as many weights as all experts together."""

from typing import final

from torch import nn

from triptych.cost import nearest
from triptych.errors import InvalidSetting, check_width
from triptych.models.panels import DensePanel, Panel

NARROWEST = 2  # hidden units


@final
class BigDensePanel(Panel):
    """The dense panel, so wide that it has the weights of all experts of an MoE panel of the same
    settings, whose experts have one hidden layer. Routers and biases are not counted.

    A mixture of experts has more weights than a dense net of equal active FLOPs. What it gains
    over that one, and not over this one, may be due to its size alone.

    Args:
        d_hidden: F of an expert.
        num_experts: E.
        dropout: probability.
    """

    def __init__(self, d_hidden: int, num_experts: int, dropout: float) -> None:
        check_width(d_hidden, dropout)
        if num_experts < 1:
            raise InvalidSetting(f"num_experts must be at least 1, got {num_experts}")
        self.hidden, self.dropout = max(num_experts * d_hidden, NARROWEST), dropout

    def block(self, width: int, name: str) -> nn.Module:
        """D - E F - D."""
        return DensePanel(self.hidden, self.dropout).block(width, name)

    def net(self, d_in: int, classes: int) -> nn.Module:
        """D - H - H - H/2 - C, of the width H whose number of weights is nearest."""

        def weights(hidden: int) -> int:
            half = hidden // 2
            return d_in * hidden + hidden * hidden + hidden * half + half * classes

        wanted = self.hidden * (d_in + classes)
        widths = range(NARROWEST, self.hidden + classes + 1)
        hidden, _ = nearest(weights, wanted, widths, start=0)
        return DensePanel(hidden, self.dropout).net(d_in, classes)

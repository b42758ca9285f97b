"""The baseline of the MoE panel: one of its experts, without a router."""

from collections.abc import Callable
from typing import final

from torch import nn

from triptych.models.panels import Panel, Unrouted
from triptych.moe import ExpertBank, SingleExpert


@final
class SingleExpertPanel(Panel):
    """One expert that does the work of all.

    Where a mixture is ahead of it at equal and at larger `d_hidden`, dividing the samples is what
    helped.

    Args:
        experts: makes a bank from (1, d_in, d_out).
    """

    def __init__(self, experts: Callable[[int, int, int], ExpertBank]) -> None:
        self.experts = experts

    def block(self, width: int, name: str) -> nn.Module:
        """D -> D."""
        return self.net(width, width)

    def net(self, d_in: int, classes: int) -> nn.Module:
        """D -> C: the expert is the whole classifier, as in the MoE panel."""
        return Unrouted(SingleExpert(self.experts(1, d_in, classes)))

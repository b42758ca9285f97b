"""The baseline of the sparse panel: a dense net with as many weights."""

from collections.abc import Callable
from typing import final

from torch import nn

from triptych.errors import IncompatibleSettings, check_width
from triptych.models.panels import DensePanel, Panel
from triptych.sparse import live_weights

NARROWEST = 2  # hidden units


@final
class SmallDensePanel(Panel):
    """The dense panel, so narrow that it has the weights of a sparse one of the same settings.

    Without it a sparse net is compared with one that may be too large, and wins by its size alone
    (Blalock et al. 2020, arXiv 2003.03033, section 3).

    Args:
        d_hidden: F of the sparse net.
        dropout: probability.
        sparsity: of the sparse net.
    """

    def __init__(self, d_hidden: int, dropout: float, sparsity: float) -> None:
        check_width(d_hidden, dropout, least=NARROWEST)
        self.d_hidden, self.dropout, self.sparsity = d_hidden, dropout, sparsity
        live_weights(1, sparsity)  # refuses what no sparsity can be

    def block(self, width: int, name: str) -> nn.Module:
        """D - H - D."""
        return self._dense(lambda hidden: 2 * width * hidden).block(width, name)

    def net(self, d_in: int, classes: int) -> nn.Module:
        """D - H - H - H/2 - C, where the head is dense in both."""
        return self._dense(
            lambda hidden: d_in * hidden + hidden * hidden + hidden * (hidden // 2)
        ).net(d_in, classes)

    def linear(self, d_in: int, d_out: int, name: str) -> nn.Module:
        """None: with a stem of d_out units there is none of as few weights.

        Raises:
            IncompatibleSettings: always.
        """
        raise IncompatibleSettings(
            "model=small_dense cannot have the weights of a sparse stem: take model=ffn with a"
            " smaller model.backbone.build.d_model"
        )

    def _dense(self, weights: Callable[[int], int]) -> DensePanel:
        """Of the width H whose number of weights is nearest to the sparse one's."""
        wanted = live_weights(weights(self.d_hidden), self.sparsity)
        widths = range(NARROWEST, self.d_hidden + 1)
        nearest = min(widths, key=lambda hidden: abs(weights(hidden) - wanted))
        return DensePanel(nearest, self.dropout)

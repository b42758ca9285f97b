"""The peers of the sparse panel: few units that work, and matrices of few weights."""

from typing import final

from torch import Tensor, nn

from triptych.dense import MLP
from triptych.errors import check_width
from triptych.models.panels import Panel, Unrouted
from triptych.moe import Routing
from triptych.sparse import ControllerFFN, MonarchLinear, chosen_units


@final
class Controlled(nn.Module):
    """A layer with a controller, in the form that backbones expect. What the controller decides
    in evaluation is a routing whose experts are single hidden units; training decides nothing."""

    def __init__(self, ffn: ControllerFFN) -> None:
        super().__init__()
        self.ffn = ffn

    def forward(self, x: Tensor, family: Tensor | None = None) -> tuple[Tensor, Routing | None]:
        """(T, D) -> (T, O) and the F / N units chosen for each sample."""
        scores = self.ffn.controller(x)
        y = self.ffn.work(x, scores)
        if self.training:
            return y, None
        units, logits = chosen_units(scores), scores.flatten(1)
        probs = scores.softmax(dim=2).flatten(1) / units.shape[1]
        return y, Routing(units, units.new_ones(units.shape, dtype=y.dtype), probs, logits)


@final
class ControllerPanel(Panel):
    """Feed-forward layers in which a controller wakes one hidden unit in `block`.

    Args:
        d_hidden: F.
        block: N, a divisor of F.
        rank: of the controller.
        temperature: of its noise in training.
        hard_share: the share of training batches on which one unit in N works, as in evaluation.
        dropout: probability.
    """

    def __init__(
        self,
        d_hidden: int,
        block: int,
        rank: int,
        temperature: float,
        hard_share: float,
        dropout: float,
    ) -> None:
        check_width(d_hidden, dropout)
        self.d_hidden, self.block_size, self.rank = d_hidden, block, rank
        self.temperature, self.hard_share, self.dropout = temperature, hard_share, dropout

    def block(self, width: int, name: str) -> nn.Module:
        """D - F - D."""
        return self.net(width, width)

    def net(self, d_in: int, classes: int) -> nn.Module:
        """D - F - C: the layer is the whole classifier, as in the MoE panel."""
        ffn = ControllerFFN(
            d_in,
            self.d_hidden,
            classes,
            block=self.block_size,
            rank=self.rank,
            temperature=self.temperature,
            hard_share=self.hard_share,
            dropout=self.dropout,
        )
        return Controlled(ffn)


@final
class MonarchPanel(Panel):
    """The dense panel with Monarch matrices: few weights, laid out for dense products.

    Args:
        d_hidden: F.
        blocks: diagonal blocks of each factor, a divisor of all widths.
        dropout: probability.
    """

    def __init__(self, d_hidden: int, blocks: int, dropout: float) -> None:
        check_width(d_hidden, dropout, least=2)
        self.d_hidden, self.blocks, self.dropout = d_hidden, blocks, dropout

    def block(self, width: int, name: str) -> nn.Module:
        """D - F - D, both layers Monarch."""
        layers = [self._layer(width, self.d_hidden), self._layer(self.d_hidden, width)]
        return Unrouted(MLP(layers, nn.ReLU, [self.dropout]))

    def net(self, d_in: int, classes: int) -> nn.Module:
        """D - F - F - F/2 - C, all but the head Monarch."""
        full, half = self.d_hidden, self.d_hidden // 2
        widths = [(d_in, full), (full, full), (full, half)]
        layers = [*(self._layer(*pair) for pair in widths), nn.Linear(half, classes)]
        return Unrouted(MLP(layers, nn.ReLU, [self.dropout, self.dropout, 0.0]))

    def _layer(self, d_in: int, d_out: int) -> nn.Module:
        return MonarchLinear(d_in, d_out, blocks=self.blocks)

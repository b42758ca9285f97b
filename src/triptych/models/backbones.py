"""Backbones: what surrounds a panel. Both return logits and the routing of each MoE layer."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import final

from torch import Tensor, nn

from triptych.errors import InvalidSetting
from triptych.models.panels import Panel
from triptych.moe import Routing


class Classifier(nn.Module, ABC):
    """Maps (B, D) to logits (B, C) and the routing of each MoE layer, by the layer's name."""

    blocks: nn.ModuleDict
    """The panels, by the names of their decisions."""

    @abstractmethod
    def forward(self, x: Tensor, family: Tensor | None = None) -> tuple[Tensor, dict[str, Routing]]:
        """(B, D) -> (B, C) and the decisions of this batch; empty without routers.

        Args:
            family: (B,), for routers that go by it.
        """


def dense_stem(panel: Panel, d_in: int, width: int) -> nn.Module:
    """The same dense stem for every panel."""
    return nn.Linear(d_in, width)


def panel_stem(panel: Panel, d_in: int, width: int) -> nn.Module:
    """A stem of the panel's own kind: where many of the inputs may not matter, a sparse net can
    leave them out only there."""
    return panel.linear(d_in, width, "stem")


@final
class Residual(Classifier):
    """Stem, `depth` blocks `x + panel(norm(x))`, norm and head: only the panel differs.

    Args:
        panel: makes the block.
        d_in: width of the data.
        classes: C.
        d_model: width D inside.
        depth: number of blocks.
        stem: makes the map from the data's width to D.
    """

    def __init__(
        self,
        panel: Panel,
        d_in: int,
        classes: int,
        *,
        d_model: int,
        depth: int,
        stem: Callable[[Panel, int, int], nn.Module] = dense_stem,
    ) -> None:
        super().__init__()
        if d_model < 1 or depth < 1:
            raise InvalidSetting(f"d_model and depth must be at least 1, got {d_model} and {depth}")
        self.stem = stem(panel, d_in, d_model)
        self.norms = nn.ModuleList(nn.LayerNorm(d_model) for _ in range(depth))
        names = [f"block_{i}" for i in range(depth)]
        self.blocks = nn.ModuleDict({name: panel.block(d_model, name) for name in names})
        self.head_norm = nn.LayerNorm(d_model)
        self.head = nn.Linear(d_model, classes)

    def forward(self, x: Tensor, family: Tensor | None = None) -> tuple[Tensor, dict[str, Routing]]:
        """(B, D) -> (B, C) and the decisions by block."""
        x = self.stem(x)
        decisions: dict[str, Routing] = {}
        for norm, (name, block) in zip(self.norms, self.blocks.items(), strict=True):
            change, routing = block(norm(x), family=family)
            x = x + change
            if routing is not None:
                decisions[name] = routing
        return self.head(self.head_norm(x)), decisions


@final
class Notebook(Classifier):
    """Nothing but the panel, as in the source study's whole nets.

    Args:
        panel: makes the net.
        d_in: width of the data.
        classes: C.
    """

    def __init__(self, panel: Panel, d_in: int, classes: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict({"net": panel.net(d_in, classes)})

    def forward(self, x: Tensor, family: Tensor | None = None) -> tuple[Tensor, dict[str, Routing]]:
        """(B, D) -> (B, C) and the decision of the one layer."""
        logits, routing = self.blocks["net"](x, family=family)
        return logits, {} if routing is None else {"net": routing}

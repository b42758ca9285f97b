"""The three panels as a backbone asks for them: one block of a given width, or a whole net.

What a panel makes maps (T, D) to an output and the `Routing` that led there, None without router.
It takes the `family` of each row too, for routers that go by it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import final

import torch
from torch import Tensor, nn

from triptych.dense import MLP
from triptych.errors import check_width
from triptych.moe import Capacity, Dispatch, ExpertBank, MoE, Router, Routing
from triptych.seeds import derive
from triptych.sparse import Pattern, SparseLinear


class Panel(ABC):
    """A way to build the part of a net in which dense, sparse and MoE differ."""

    @abstractmethod
    def block(self, width: int, name: str) -> nn.Module:
        """A feed-forward block, width -> width."""

    @abstractmethod
    def net(self, d_in: int, classes: int) -> nn.Module:
        """A whole classifier, as the source study builds it."""

    def linear(self, d_in: int, d_out: int, name: str) -> nn.Module:
        """One linear map; dense where the panel has no kind of its own."""
        return nn.Linear(d_in, d_out)


@final
class Unrouted(nn.Module):
    """A net without router, in the form that backbones expect."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, family: Tensor | None = None) -> tuple[Tensor, Routing | None]:
        """(T, D) -> (T, O) and no routing."""
        return self.net(x), None


@final
class DensePanel(Panel):
    """Every weight exists and every weight works. ReLU, dropout between the layers.

    Args:
        d_hidden: F; the net's layers have F, F and F/2 hidden units.
        dropout: probability.
    """

    def __init__(self, d_hidden: int, dropout: float) -> None:
        check_width(d_hidden, dropout, least=2)
        self.d_hidden, self.dropout = d_hidden, dropout

    def block(self, width: int, name: str) -> nn.Module:
        """D - F - D."""
        layers = [nn.Linear(width, self.d_hidden), nn.Linear(self.d_hidden, width)]
        return Unrouted(MLP(layers, nn.ReLU, [self.dropout]))

    def net(self, d_in: int, classes: int) -> nn.Module:
        """D - F - F - F/2 - C."""
        full, half = self.d_hidden, self.d_hidden // 2
        layers = [
            nn.Linear(d_in, full),
            nn.Linear(full, full),
            nn.Linear(full, half),
            nn.Linear(half, classes),
        ]
        return Unrouted(MLP(layers, nn.ReLU, [self.dropout, self.dropout, 0.0]))


@final
class SparsePanel(Panel):
    """The dense panel with few of its weights: masks are drawn once from the seed.

    Args:
        d_hidden: F.
        dropout: probability.
        sparsity: share of weights left out of each sparse layer, in [0, 1).
        pattern: draws the masks of all sparse layers of a block or net; all of it where a start
            chooses them later.
        kernel: makes a layer from a mask.
        seed: of the run; each layer's mask has its own stream.
    """

    def __init__(
        self,
        d_hidden: int,
        dropout: float,
        sparsity: float,
        pattern: Pattern,
        kernel: Callable[[Tensor], SparseLinear],
        seed: int,
    ) -> None:
        check_width(d_hidden, dropout, least=2)
        self.d_hidden, self.dropout, self.sparsity = d_hidden, dropout, sparsity
        self.pattern, self.kernel, self.seed = pattern, kernel, seed

    def block(self, width: int, name: str) -> nn.Module:
        """D - F - D, both layers sparse."""
        shapes = {"up": (self.d_hidden, width), "down": (width, self.d_hidden)}
        layers = self._layers(name, shapes)
        return Unrouted(MLP(layers, nn.ReLU, [self.dropout]))

    def net(self, d_in: int, classes: int) -> nn.Module:
        """D - F - F - F/2 - C, all but the head sparse."""
        full, half = self.d_hidden, self.d_hidden // 2
        shapes = {"0": (full, d_in), "1": (full, full), "2": (half, full)}
        layers = [*self._layers("net", shapes), nn.Linear(half, classes)]
        return Unrouted(MLP(layers, nn.ReLU, [self.dropout, self.dropout, 0.0]))

    def linear(self, d_in: int, d_out: int, name: str) -> nn.Module:
        """A sparse one."""
        return self._layers(name, {"0": (d_out, d_in)})[0]

    def _layers(self, name: str, shapes: dict[str, tuple[int, int]]) -> list[nn.Module]:
        seeds = (derive(self.seed, "mask", f"{name}.{part}") for part in shapes)
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        masks = self.pattern(list(shapes.values()), self.sparsity, generators)
        return [self.kernel(mask) for mask in masks]


@final
class MoEPanel(Panel):
    """Many experts, of which a router lets few work on each token.

    Args:
        num_experts: E.
        router: makes a router from (d_in, num_experts).
        capacity: makes the rule by which full experts drop tokens.
        experts: makes a bank from (num_experts, d_in, d_out).
        dispatch: brings tokens to experts.
        shared: makes a network for every token from (d_in, d_out); None for none.
    """

    def __init__(
        self,
        num_experts: int,
        router: Callable[[int, int], Router],
        capacity: Callable[[], Capacity],
        experts: Callable[[int, int, int], ExpertBank],
        dispatch: Dispatch,
        shared: Callable[[int, int], nn.Module] | None,
    ) -> None:
        self.num_experts = num_experts
        self.router, self.capacity, self.experts = router, capacity, experts
        self.dispatch, self.shared = dispatch, shared

    def block(self, width: int, name: str) -> nn.Module:
        """D -> D."""
        return self.net(width, width)

    def net(self, d_in: int, classes: int) -> nn.Module:
        """D -> C: the layer is the whole classifier."""
        router = self.router(d_in, self.num_experts)
        experts = self.experts(self.num_experts, d_in, classes)
        shared = None if self.shared is None else self.shared(d_in, classes)
        return MoE(router, experts, self.dispatch, self.capacity(), shared)

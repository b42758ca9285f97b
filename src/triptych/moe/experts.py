"""Banks of experts. A bank maps rows that are sorted by expert; it knows nothing of routing."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from triptych.errors import InvalidSetting, check_dropout
from triptych.types import Cost


class ExpertBank(nn.Module, ABC):
    """E experts that map width D to width O."""

    @abstractmethod
    def forward(self, rows: Float[Tensor, "N D"], counts: Sequence[int]) -> Float[Tensor, "N O"]:
        """The first `counts[0]` rows go through expert 0, the next `counts[1]` through 1, ..."""

    @abstractmethod
    def costs(self) -> list[Cost]:
        """What one row costs in each expert."""


@final
class StackedMLP(ExpertBank):
    """Equal experts with one hidden layer, their weights stacked: (E, F, D) and (E, O, F).

    Stacked, so that an expert without tokens gets a zero gradient instead of none, which plain
    DDP needs. Each expert is initialised as its own pair of `nn.Linear`, ReLU between.

    Args:
        num_experts: E.
        d_in: D.
        d_out: O.
        d_hidden: F, hidden units per expert.
        dropout: probability after the activation.
    """

    def __init__(
        self, num_experts: int, d_in: int, d_out: int, *, d_hidden: int, dropout: float
    ) -> None:
        super().__init__()
        if d_hidden < 1:
            raise InvalidSetting(f"d_hidden must be at least 1, got {d_hidden}")
        check_dropout(dropout)
        self.dropout = dropout
        self.up = nn.Parameter(_uniform(num_experts, d_hidden, d_in, fan_in=d_in))
        self.up_bias = nn.Parameter(_uniform(num_experts, d_hidden, fan_in=d_in))
        self.down = nn.Parameter(_uniform(num_experts, d_out, d_hidden, fan_in=d_hidden))
        self.down_bias = nn.Parameter(_uniform(num_experts, d_out, fan_in=d_hidden))

    def forward(self, rows: Float[Tensor, "N D"], counts: Sequence[int]) -> Float[Tensor, "N O"]:
        """(N, D) -> (N, O)."""
        hidden = _linear_by_expert(rows, counts, self.up, self.up_bias)
        hidden = F.dropout(F.relu(hidden), self.dropout, self.training)
        return _linear_by_expert(hidden, counts, self.down, self.down_bias)

    def costs(self) -> list[Cost]:
        """Equal for all experts."""
        experts = self.up.shape[0]
        products = (self.up.numel() + self.down.numel()) // experts
        params = products + (self.up_bias.numel() + self.down_bias.numel()) // experts
        return [Cost(params, params, 2 * products, 2 * products)] * experts


def _uniform(*shape: int, fan_in: int) -> Tensor:
    """The law of `nn.Linear`, per expert: the fans of the stacked tensor would be wrong."""
    return torch.empty(*shape).uniform_(-(fan_in**-0.5), fan_in**-0.5)


def _linear_by_expert(x: Tensor, counts: Sequence[int], weight: Tensor, bias: Tensor) -> Tensor:
    # unbind, not weight[e]: indexing makes a full (E, ...) gradient per expert in backward.
    parts = zip(x.split(list(counts)), weight.unbind(0), bias.unbind(0), strict=True)
    return torch.cat([F.linear(part, w, b) for part, w, b in parts])


@final
class Specialists(ExpertBank):
    """The source study's experts of different build, by cycling through its four designs.

    Tanh, a deeper ReLU, ReLU and ELU; widths D - F - F/2 - O (the deeper one D - F - F - F/2 - O),
    Xavier-uniform weights and zero biases. An expert without rows still takes part with an empty
    batch, so that its gradient is zero instead of none.

    Args:
        num_experts: E, any number; expert e has design e mod 4.
        d_in: D.
        d_out: O.
        d_hidden: F.
        dropout: probability after the first activation.
    """

    def __init__(
        self, num_experts: int, d_in: int, d_out: int, *, d_hidden: int, dropout: float
    ) -> None:
        super().__init__()
        if d_hidden < 2:
            raise InvalidSetting(f"d_hidden of specialists must be at least 2, got {d_hidden}")
        check_dropout(dropout)
        half = d_hidden // 2
        shallow, deep = [d_in, d_hidden, half, d_out], [d_in, d_hidden, d_hidden, half, d_out]
        designs: list[tuple[Callable[[], nn.Module], list[int]]] = [
            (nn.Tanh, shallow),
            (nn.ReLU, deep),
            (nn.ReLU, shallow),
            (nn.ELU, shallow),
        ]
        self.experts = nn.ModuleList(
            _specialist(*designs[e % len(designs)], dropout) for e in range(num_experts)
        )

    def forward(self, rows: Float[Tensor, "N D"], counts: Sequence[int]) -> Float[Tensor, "N O"]:
        """(N, D) -> (N, O)."""
        parts = zip(self.experts, rows.split(list(counts)), strict=True)
        return torch.cat([expert(part) for expert, part in parts])

    def costs(self) -> list[Cost]:
        """One for each expert: the deeper ones cost about twice as much."""
        return [_chain_cost(expert) for expert in self.experts]


def _specialist(
    activation: Callable[[], nn.Module], widths: Sequence[int], dropout: float
) -> nn.Module:
    chain: list[nn.Module] = []
    for layer, (d_in, d_out) in enumerate(itertools.pairwise(widths)):
        linear = nn.Linear(d_in, d_out)
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
        chain += [linear, activation()]
        if layer == 0:
            chain.append(nn.Dropout(dropout))
    return nn.Sequential(*chain[:-1])


def _chain_cost(expert: nn.Module) -> Cost:
    params = sum(p.numel() for p in expert.parameters())
    products = sum(p.numel() for p in expert.parameters() if p.ndim == 2)
    return Cost(params, params, 2 * products, 2 * products)

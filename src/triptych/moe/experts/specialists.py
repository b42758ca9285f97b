"""Experts of different build: the source study's specialists."""

import itertools
from collections.abc import Callable, Sequence
from typing import final

from torch import Tensor, nn

from triptych.dropout import Dropout
from triptych.errors import InvalidSetting, check_dropout
from triptych.moe.experts.bank import ExpertBank
from triptych.moe.experts.shardable import Shardable
from triptych.types import Cost


@final
class Specialists(ExpertBank, Shardable):
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
        self.experts = nn.ModuleDict(
            {str(e): _specialist(*designs[e % len(designs)], dropout) for e in range(num_experts)}
        )
        self._costs = [_chain_cost(expert) for expert in self.experts.values()]

    def each(self) -> Sequence[Callable[[Tensor], Tensor]]:
        """The networks."""
        return list(self.experts.values())

    def costs(self) -> list[Cost]:
        """One for each expert: the deeper ones cost about twice as much."""
        return list(self._costs)

    def keep(self, own: range) -> None:
        """The networks `own`, under the numbers that they had."""
        self.experts = nn.ModuleDict({str(e): self.experts[str(e)] for e in own})


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
            chain.append(Dropout(dropout))
    return nn.Sequential(*chain[:-1])


def _chain_cost(expert: nn.Module) -> Cost:
    params = sum(p.numel() for p in expert.parameters())
    products = sum(p.numel() for p in expert.parameters() if p.ndim == 2)
    return Cost(params, params, 2 * products, 2 * products)

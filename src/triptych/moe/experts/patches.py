"""Experts that see a row as patches: the same filters on each of them, summed."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from triptych.dropout import Dropout
from triptych.errors import InvalidSetting, check_width
from triptych.moe.experts.activations import Activation, Cubic
from triptych.moe.experts.bank import ExpertBank
from triptych.moe.experts.shardable import Shardable, keep_rows
from triptych.moe.patches import patch_width
from triptych.types import Cost


@final
class PatchExperts(ExpertBank, Shardable):
    """Equal experts `y_o = sum over patches p and filters f of activation(<w_of, x_p>)`, in which
    the order of patches does not matter (Chen et al. 2022, arXiv 2208.02813, eq. 3.1). No biases,
    and nothing learned behind the activation. As in the paper's code each output has filters of
    its own; weights are stacked, (E, O F, d), each expert as its own `nn.Linear`.

    Args:
        num_experts: E.
        d_in: P times the width d of a patch.
        d_out: O.
        d_hidden: F, filters of each output.
        patches: P; a row is the patches one after the other.
        dropout: probability after the activation.
        activation: makes what follows each filter; one input for a unit.
    """

    def __init__(
        self,
        num_experts: int,
        d_in: int,
        d_out: int,
        *,
        d_hidden: int,
        patches: int = 4,
        dropout: float = 0.0,
        activation: Callable[[], Activation] = Cubic,
    ) -> None:
        super().__init__()
        check_width(d_hidden, dropout)
        self.activation = activation()
        if self.activation.inputs_per_unit != 1:
            name = type(self.activation).__name__
            raise InvalidSetting(f"{name} is gated: a filter of a patch has one output")
        self.num_experts, self.d_out = num_experts, d_out
        self.patches, self.dropout = patches, Dropout(dropout)
        width = patch_width(d_in, patches)
        weights = torch.empty(num_experts, d_out * d_hidden, width)
        self.filters = nn.Parameter(weights.uniform_(-(width**-0.5), width**-0.5))

    def each(self) -> Sequence[Callable[[Tensor], Tensor]]:
        """Views of the stacked filters, one per expert."""
        return [partial(self._one, filters) for filters in self.filters.unbind(0)]

    def _one(self, filters: Tensor, x: Tensor) -> Tensor:
        found = self.activation(F.linear(x.unflatten(1, (self.patches, -1)), filters))
        found = self.dropout(found)
        return found.sum(dim=1).unflatten(1, (self.d_out, -1)).sum(dim=2)

    def costs(self) -> list[Cost]:
        """Equal for all experts; every filter meets every patch."""
        params = self.filters[0].numel()
        products = 2 * self.patches * params
        return [Cost(params, params, products, products)] * self.num_experts

    def keep(self, own: range) -> None:
        """Rows `own` of the filters."""
        keep_rows(self, own)

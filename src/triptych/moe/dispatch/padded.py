"""All experts in one batched product, on rows padded to the longest group."""

import torch
from jaxtyping import Float
from torch import Tensor

from triptych.moe.dispatch.order import combine_rows, gather_rows, sort_routes
from triptych.moe.dispatch.stacked import need_stacked
from triptych.moe.experts.bank import ExpertBank
from triptych.moe.routing import Routing


def padded_dispatch(
    x: Float[Tensor, "T D"], routing: Routing, experts: ExpertBank
) -> Float[Tensor, "T O"]:
    """Rows in a box (E, longest group, D): few large operations, but skewed loads are all padding.

    Raises:
        IncompatibleSettings: if the experts are not stacked.
    """
    bank = need_stacked(experts, "padded")
    order = sort_routes(routing)
    rows = gather_rows(x, order)
    sizes = order.groups.sizes
    longest = max(*sizes, 1)
    starts = order.groups.counts.cumsum(0) - order.groups.counts
    expert = torch.repeat_interleave(order.groups.counts, output_size=len(rows))
    within = torch.arange(len(rows), device=rows.device) - starts[expert]
    box = rows.new_zeros(len(sizes) * longest, rows.shape[1])
    box = box.index_copy(0, expert * longest + within, rows)
    answers = bank.through(box.view(len(sizes), longest, -1), _batched).flatten(0, 1)
    return combine_rows(answers.index_select(0, expert * longest + within), routing.gates, order)


def _batched(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    product = torch.bmm(rows, weight.transpose(1, 2))
    return product if bias is None else product + bias.unsqueeze(1).to(product.dtype)

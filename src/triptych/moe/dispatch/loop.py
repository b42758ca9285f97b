"""One expert after the other, on rows that are sorted once."""

import torch
from jaxtyping import Float
from torch import Tensor

from triptych.moe.dispatch.order import combine_rows, gather_rows, sort_routes
from triptych.moe.experts.bank import ExpertBank
from triptych.moe.routing import Routing


def loop_dispatch(
    x: Float[Tensor, "T D"], routing: Routing, experts: ExpertBank
) -> Float[Tensor, "T O"]:
    """Sorts the routes by expert, runs each expert on its rows, gathers back.

    An expert without rows takes part with an empty batch, so that its gradient is zero instead of
    none. For any bank, any device and any precision.
    """
    order = sort_routes(routing)
    parts = gather_rows(x, order).split(order.groups.sizes)
    answers = [expert(part) for expert, part in zip(experts.each(), parts, strict=True)]
    return combine_rows(torch.cat(answers), routing.gates, order)

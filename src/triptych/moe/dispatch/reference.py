"""The slow and obvious dispatch: the oracle of every other."""

import torch
from jaxtyping import Float
from torch import Tensor

from triptych.moe.experts.bank import ExpertBank
from triptych.moe.routing import Routing


def reference_dispatch(
    x: Float[Tensor, "T D"], routing: Routing, experts: ExpertBank
) -> Float[Tensor, "T O"]:
    """`y_t = sum_k gate_tk * expert_(id_tk)(x_t)` over running routes, one row at a time.

    Every expert is also asked once about no rows: it gives the width of the output, and a zero
    gradient where no token came.
    """
    each = experts.each()
    nothing = torch.stack([expert(x[:0]).sum(dim=0) for expert in each]).sum(dim=0)
    running = routing.running()
    runs = torch.ones_like(routing.experts) if running is None else running
    rows = [
        sum(
            (
                gate.to(nothing.dtype) * each[expert](token[None])[0]
                for expert, gate, run in zip(ids, gates, wanted, strict=True)
                if run
            ),
            nothing,
        )
        for token, ids, gates, wanted in zip(
            x, routing.experts.tolist(), routing.gates, runs.tolist(), strict=True
        )
    ]
    return torch.stack(rows) if rows else nothing.expand(0, len(nothing))

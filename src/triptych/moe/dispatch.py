"""Dispatch: brings tokens to their experts and the answers back. Only chosen experts compute."""

import torch
from jaxtyping import Float
from torch import Tensor

from triptych.moe.experts import ExpertBank
from triptych.moe.routing import Routing


def reference_dispatch(
    x: Float[Tensor, "T D"], routing: Routing, experts: ExpertBank
) -> Float[Tensor, "T O"]:
    """`y_t = sum_k gate_tk * expert_(id_tk)(x_t)`, one token and one expert at a time.

    Slow and obvious: the oracle of every other dispatch. With T = 0 it still asks the bank once,
    for the width of the output.
    """
    none = [0] * routing.num_experts
    empty = experts(x[:0], none)
    rows: list[Tensor] = []
    for token, ids, gates in zip(x, routing.experts.tolist(), routing.gates, strict=True):
        answers = []
        for expert, gate in zip(ids, gates, strict=True):
            counts = [*none]
            counts[expert] = 1
            answers.append(gate * experts(token[None], counts)[0])
        rows.append(torch.stack(answers).sum(dim=0))
    return torch.stack(rows) if rows else empty


def loop_dispatch(
    x: Float[Tensor, "T D"], routing: Routing, experts: ExpertBank
) -> Float[Tensor, "T O"]:
    """Sorts the T * K routes by expert once, runs each expert on its rows, gathers back.

    Dropless: an expert takes as many rows as were sent to it. Combining is a gather and a sum
    over K, without atomic additions, hence deterministic.
    """
    order = torch.argsort(routing.experts.flatten(), stable=True)  # (T*K)
    rows = x.index_select(0, order // routing.top_k)  # (T*K D)
    answers = experts(rows, routing.load().tolist())  # (T*K O)
    place = torch.empty_like(order)
    place[order] = torch.arange(order.numel(), device=order.device)
    answers = answers.index_select(0, place).view(len(x), routing.top_k, answers.shape[1])
    return (answers * routing.gates[..., None]).sum(dim=1)

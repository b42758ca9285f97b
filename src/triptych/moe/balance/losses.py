"""Load-balancing losses: pure functions of a `Routing`, without coefficient.

Each takes whose tokens count (`micro_batch` or `global_batch`). Only real tokens do; without any
the value is 0. Over ranks, the mean of the values and the mean of the gradients are those of one
process with all tokens. Routes count before any is dropped.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from triptych.errors import IncompatibleSettings
from triptych.moe.balance.shares import (
    TINY,
    by_sequence,
    mean_over_tokens,
    route_map,
    route_share,
    squared_variation,
)
from triptych.moe.balance.statistics import Average, micro_batch
from triptych.moe.routing import Routing, count_ids


def switch_loss(routing: Routing, average: Average = micro_batch) -> Float[Tensor, ""]:
    """`E * sum_e f_e P_e`: Switch Transformer, arXiv 2101.03961, eq. 4 to 6.

    f_e is the share of the routes that go to expert e, before any is dropped (so the value at
    perfect balance is exactly 1 for any K), P_e the mean probability of e. Only P carries a
    gradient.
    """
    share = route_share(routing.load(), routing.probs, average)
    probs = mean_over_tokens(routing.probs, routing, average)
    return routing.num_experts * (share * probs).sum()


def gshard_loss(routing: Routing, average: Average = micro_batch) -> Float[Tensor, ""]:
    """`E * sum_e f_e P_e` with f_e the share of first choices: GShard, arXiv 2006.16668, alg. 1.

    The paper's value times E^2, so that it is 1 at perfect balance.
    """
    counted = routing.counted()
    first = None if counted is None else counted[:, 0]
    load = count_ids(routing.experts[:, 0], first, routing.num_experts)
    share = route_share(load, routing.probs, average)
    probs = mean_over_tokens(routing.probs, routing, average)
    return routing.num_experts * (share * probs).sum()


def importance_loss(routing: Routing, average: Average = micro_batch) -> Float[Tensor, ""]:
    """`CV(sum_t gate_te)^2`: Shazeer et al. 2017, arXiv 1701.06538, eq. 6 and 7. 0 at balance.

    Gates as they were before any route was dropped: a full expert must not look like a balanced
    one.
    """
    return squared_variation(average(_importance(routing)))


def importance_load_loss(routing: Routing, average: Average = micro_batch) -> Float[Tensor, ""]:
    """Half of `CV(importance)^2 + CV(load)^2`, as in V-MoE, arXiv 2106.05974, appendix A.

    Importance is the sum of the probabilities over all experts, before noise. The load is smooth:
    the sum of each token's chance to choose e when the noise is drawn again (Shazeer et al. 2017,
    eq. 8 to 11), so it needs a router with noise.

    Raises:
        IncompatibleSettings: if the router has no noise.
    """
    if routing.chances is None:
        raise IncompatibleSettings(
            "model/balance=importance_load needs a router with noise: take"
            " model/router=noisy_topk, or model/balance=importance"
        )
    both = (mean_over_tokens(v, routing, average) for v in (routing.probs, routing.chances))
    importance, load = (squared_variation(average(mean)) for mean in both)
    return (importance + load) / 2


def sequence_loss(routing: Routing, average: Average = micro_batch) -> Float[Tensor, ""]:
    """The Switch loss of each sequence by itself, then the mean: DeepSeek-V3, arXiv 2412.19437,
    eq. 17 to 20. 1 where every sequence is balanced; sequences of padding do not count.

    Samples without an inner order are one sequence, and with several ranks one on each.
    """
    load = by_sequence(route_map(routing), routing)
    if routing.valid is None:
        probs, valid = routing.probs, torch.ones_like(routing.probs[:, :1])
    else:
        valid = routing.valid[:, None].to(routing.probs.dtype)
        probs = torch.where(routing.valid[:, None], routing.probs, 0.0)
    tokens = by_sequence(valid, routing)
    share = load / load.sum(dim=1, keepdim=True).clamp(min=TINY)
    mean = by_sequence(probs, routing) / tokens.clamp(min=1)
    each = routing.num_experts * (share * mean).sum(dim=1)  # (sequences)
    real = (tokens > 0).sum().to(each.dtype)
    return each.sum() / average(real).clamp(min=TINY)


def squared_deviation_loss(routing: Routing, average: Average = micro_batch) -> Float[Tensor, ""]:
    """`mean_e (g_e - 1/E)^2`, g_e the share of expert e in all gates. 0 at perfect balance.

    The source study's loss with its two faults mended: the target fits gates that sum to 1, and
    fractions instead of counts make the value independent of the batch size. What is left is
    `importance_loss / E^2`: the variance of shares whose mean is 1/E.
    """
    return importance_loss(routing, average) / routing.num_experts**2


def z_loss(routing: Routing, average: Average = micro_batch) -> Float[Tensor, ""]:
    """`mean_t (log sum_e exp(logit_te))^2`: ST-MoE, arXiv 2202.08906, eq. 5.

    Keeps logits small; (log E)^2 where all are 0. It does not balance by itself.
    """
    squares = torch.logsumexp(routing.logits, dim=1, keepdim=True).square()
    return mean_over_tokens(squares, routing, average).sum()


def no_loss(routing: Routing, average: Average = micro_batch) -> Float[Tensor, ""]:
    """0: for routers that balance themselves, and for comparison."""
    return routing.probs.new_zeros(())


def _importance(routing: Routing) -> Tensor:
    gates = routing.gates if routing.wanted is None else routing.wanted
    zeros = routing.probs.new_zeros(routing.num_experts)
    return zeros.index_add(0, routing.experts.flatten(), gates.flatten().to(zeros.dtype))

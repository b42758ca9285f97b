"""Load-balancing losses: pure functions of a `Routing`, without coefficient.

Each takes whose tokens count (`micro_batch` or `global_batch`). Only real tokens do.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from triptych.errors import IncompatibleSettings
from triptych.moe.balance.shares import mean_over_tokens, route_share, squared_variation
from triptych.moe.balance.statistics import Average, micro_batch
from triptych.moe.routing import Routing


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
    first = torch.zeros_like(routing.probs).scatter_(1, routing.experts[:, :1], 1.0)
    if routing.valid is not None:
        first = first * routing.valid[:, None]
    share = route_share(first.sum(dim=0).long(), routing.probs, average)
    probs = mean_over_tokens(routing.probs, routing, average)
    return routing.num_experts * (share * probs).sum()


def importance_loss(routing: Routing, average: Average = micro_batch) -> Float[Tensor, ""]:
    """`CV(sum_t gate_te)^2`: Shazeer et al. 2017, arXiv 1701.06538, eq. 6 and 7. 0 at balance."""
    return squared_variation(average(_importance(routing)))


def importance_load_loss(routing: Routing, average: Average = micro_batch) -> Float[Tensor, ""]:
    """Half of `CV(importance)^2 + CV(load)^2`, as in V-MoE, arXiv 2106.05974, appendix A.

    The load is smooth: the sum of each token's chance to choose e when the noise is drawn again
    (Shazeer et al. 2017, eq. 8 to 11), so it needs a router with noise.

    Raises:
        IncompatibleSettings: if the router has no noise.
    """
    if routing.chances is None:
        raise IncompatibleSettings(
            "model/balance=importance_load needs a router with noise: take"
            " model/router=noisy_topk, or model/balance=importance"
        )
    load = mean_over_tokens(routing.chances, routing, average)
    return (importance_loss(routing, average) + squared_variation(average(load))) / 2


def sequence_loss(routing: Routing, average: Average = micro_batch) -> Float[Tensor, ""]:
    """The Switch loss of each sequence by itself, then the mean: DeepSeek-V3, arXiv 2412.19437,
    eq. 17 to 20. 1 where every sequence is balanced."""
    sequences, experts = routing.sequences, routing.num_experts
    counted = routing.counted()
    ones = torch.ones_like(routing.gates) if counted is None else counted.to(routing.gates.dtype)
    load = torch.zeros_like(routing.probs).scatter_add(1, routing.experts, ones.to(routing.probs))
    load = load.view(sequences, -1, experts).sum(dim=1)
    probs = routing.probs
    if routing.valid is not None:
        probs = torch.where(routing.valid[:, None], probs, 0.0)
    probs = probs.view(sequences, -1, experts).sum(dim=1)
    share, mean = (v / v.sum(dim=1, keepdim=True).clamp(min=1e-30) for v in (load, probs))
    each = experts * (share * mean).sum(dim=1)  # (sequences)
    real = (load.sum(dim=1) > 0).sum().to(each.dtype)  # sequences of padding do not count
    return each.sum() / average(real).clamp(min=1e-30)


def squared_deviation_loss(routing: Routing, average: Average = micro_batch) -> Float[Tensor, ""]:
    """`mean_e (g_e - 1/E)^2`, g_e the share of expert e in all gates. 0 at perfect balance.

    The source study's loss with its two faults mended: the target fits gates that sum to 1, and
    fractions instead of counts make the value independent of the batch size.
    """
    gates = average(_importance(routing))
    share = gates / gates.sum().clamp(min=1e-30)
    return ((share - 1 / routing.num_experts) ** 2).mean()


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
    zeros = routing.probs.new_zeros(routing.num_experts)
    gates = routing.gates.flatten().to(routing.probs.dtype)
    return zeros.index_add(0, routing.experts.flatten(), gates)

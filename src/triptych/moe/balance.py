"""Load-balancing losses: pure functions of a `Routing`, without coefficient."""

from jaxtyping import Float
from torch import Tensor

from triptych.moe.routing import Routing


def switch_loss(routing: Routing) -> Float[Tensor, ""]:
    """`E * sum_e f_e P_e`: Switch Transformer, arXiv 2101.03961, eq. 4 to 6.

    f_e is the share of the T * K routes that go to expert e (so the value at perfect balance is
    exactly 1 for any K), P_e the mean probability of e. Only P carries a gradient.
    """
    share = routing.load().to(routing.probs.dtype) / routing.experts.numel()
    return routing.num_experts * (share * routing.probs.mean(dim=0)).sum()


def squared_deviation_loss(routing: Routing) -> Float[Tensor, ""]:
    """`mean_e (g_e - 1/E)^2`, g_e the share of expert e in all gates. 0 at perfect balance.

    The source study's loss with its two faults mended: the target fits gates that sum to 1, and
    fractions instead of counts make the value independent of the batch size.
    """
    gates = routing.probs.new_zeros(routing.num_experts).index_add(
        0, routing.experts.flatten(), routing.gates.flatten().to(routing.probs.dtype)
    )
    return ((gates / gates.sum() - 1 / routing.num_experts) ** 2).mean()

"""Softmax over the experts and the choice of the K most probable, in PyTorch or in one operator."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from triptych.moe.native.operator import Operator, operator_if_built, operator_or_none

Selection = Callable[[Tensor, int, bool], tuple[Tensor, Tensor, Tensor]]
"""(logits (T, E), top_k, renormalise) -> probs (T, E), gates (T, K), experts (T, K).

Gates are the largest probabilities in descending order, scaled to sum 1 if they are renormalised.
"""


def softmax_topk(
    logits: Float[Tensor, "T E"], top_k: int, renormalise: bool
) -> tuple[Float[Tensor, "T E"], Float[Tensor, "T K"], Int[Tensor, "T K"]]:
    """The definition."""
    probs = torch.softmax(logits, dim=-1)
    gates, experts = torch.topk(probs, top_k, dim=-1)
    if renormalise:
        gates = gates / gates.sum(dim=-1, keepdim=True)
    return probs, gates, experts


def fused_softmax_topk(
    logits: Float[Tensor, "T E"], top_k: int, renormalise: bool
) -> tuple[Float[Tensor, "T E"], Float[Tensor, "T K"], Int[Tensor, "T K"]]:
    """One operator on the CPU, compiled on first use; elsewhere `softmax_topk`.

    Of equally probable experts the first is chosen; `torch.topk` promises nothing there.
    """
    return _select(operator_or_none(), logits, top_k, renormalise)


def auto_softmax_topk(
    logits: Float[Tensor, "T E"], top_k: int, renormalise: bool
) -> tuple[Float[Tensor, "T E"], Float[Tensor, "T K"], Int[Tensor, "T K"]]:
    """The operator if it has been compiled before, else `softmax_topk`."""
    return _select(operator_if_built(), logits, top_k, renormalise)


def _select(
    operator: Operator | None, logits: Tensor, top_k: int, renormalise: bool
) -> tuple[Tensor, Tensor, Tensor]:
    if operator is None or not _known(logits):
        return softmax_topk(logits, top_k, renormalise)
    return operator.softmax_topk(logits, top_k, renormalise)


def _known(logits: Tensor) -> bool:
    precise = logits.dtype == torch.float32 or logits.dtype == torch.float64
    return precise and logits.device.type == "cpu" and not torch.compiler.is_compiling()

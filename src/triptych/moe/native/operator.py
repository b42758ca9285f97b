"""The fused CPU operator as Python sees it, where it has been compiled."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import final

import torch
from torch import Tensor

from triptych.errors import one_line
from triptych.native.compiler import BuildFailed, library_of
from triptych.native.loading import load, load_if_built

log = logging.getLogger("triptych")


@final
@dataclass(frozen=True)
class Operator:
    """Both functions of the compiled library; double and single precision, with gradients.

    Attributes:
        experts: (x (T, D), gates (T, K), up (E, W, D), up_bias (E, W)?, down (E, O, F),
            down_bias (E, O)?, experts (T, K), running (T, K)?, noise (N, F)?, activation)
            -> y (T, O). The noise multiplies the hidden units of the N running routes, sorted by
            expert. The activation is 0 for ReLU, 1 for GELU, 2 for SwiGLU.
        softmax_topk: (logits (T, E), top_k, renormalise) -> probs (T, E), gates (T, K), experts.
    """

    experts: Callable[..., Tensor]
    softmax_topk: Callable[[Tensor, int, bool], tuple[Tensor, Tensor, Tensor]]


@cache
def operator_if_built() -> Operator | None:
    """The operator, if it had been compiled when this process first asked; compiles nothing.

    One answer for the whole process: a run must not change its arithmetic halfway.
    """
    return _operator() if load_if_built(library_of("moe")) else None


@cache
def operator_or_none() -> Operator | None:
    """The operator, compiled now if need be; None, and one line in the log, if that fails."""
    try:
        load(library_of("moe").build(log.info))
    except BuildFailed as error:
        log.warning("no fused CPU operator, taking model/dispatch=loop: %s", one_line(error))
        return None
    return _operator()


def _operator() -> Operator:
    functions = torch.ops.triptych_moe
    return Operator(functions.experts.default, functions.softmax_topk.default)

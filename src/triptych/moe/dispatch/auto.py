"""The fastest dispatch for what is at hand."""

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from triptych.moe.dispatch.fused import run_fused, why_not_fused
from triptych.moe.dispatch.grouped import compute_type, grouped_dispatch, why_not_grouped
from triptych.moe.dispatch.loop import loop_dispatch
from triptych.moe.dispatch.triton.dispatch import triton_dispatch, why_not_triton
from triptych.moe.experts.bank import ExpertBank
from triptych.moe.experts.stacked import StackedMLP
from triptych.moe.native.operator import Operator, operator_if_built
from triptych.moe.routing import Routing
from triptych.notices import say_once


def auto_dispatch(
    x: Float[Tensor, "T D"], routing: Routing, experts: ExpertBank
) -> Float[Tensor, "T O"]:
    """`choose`s for each call and says once in the log what and why. Compiles nothing."""
    dispatch, reason = choose(x, experts, operator_if_built())
    say_once(reason)
    return dispatch(x, routing, experts)


def choose(
    x: Tensor, experts: ExpertBank, operator: Operator | None
) -> tuple[Callable[[Tensor, Routing, ExpertBank], Tensor], str]:
    """The dispatch, and a line that names it and says why.

    On the CPU the fused operator if it has been compiled, else the loop: the fastest and, mostly,
    the second at all sizes (`benchmarks/moe.md`). On CUDA in bfloat16, the one precision in which
    a grouped product is a single kernel, that product with Triton kernels around it: the fastest
    at all sizes (`benchmarks/moe_gpu.md`); without them where they cannot be had.
    """
    if not isinstance(experts, StackedMLP):
        return loop_dispatch, "dispatch loop: the experts are not stacked MLPs"
    if x.is_cuda:
        dtype = compute_type(x, experts)
        refusal = why_not_grouped(experts, dtype)
        if refusal is None and dtype == torch.bfloat16:
            missing = why_not_triton(experts)
            if missing is not None:
                return grouped_dispatch, f"dispatch grouped: {missing}"
            return triton_dispatch, "dispatch triton: grouped products with kernels around them"
        return loop_dispatch, f"dispatch loop: {refusal or f'grouped_mm is no kernel in {dtype}'}"
    refusal = why_not_fused(x, experts)
    if refusal is not None:
        return loop_dispatch, f"dispatch loop: {refusal}"
    if operator is None:
        return loop_dispatch, "dispatch loop: `make native` compiles a faster one for the CPU"
    return partial(run_fused, operator=operator), "dispatch fused: the compiled CPU operator"

"""All experts in grouped products, with what is between them in a few Triton kernels."""

import torch
from jaxtyping import Float
from torch import Tensor

from triptych.errors import IncompatibleSettings
from triptych.moe.dispatch.grouped import compute_type, grouped_dispatch, why_not_grouped
from triptych.moe.dispatch.loop import loop_dispatch
from triptych.moe.dispatch.order import sort_all_routes
from triptych.moe.dispatch.stacked import need_stacked
from triptych.moe.dispatch.triton.function import WeightedExperts
from triptych.moe.dispatch.triton.launch import kernel_name
from triptych.moe.experts.bank import ExpertBank
from triptych.moe.experts.stacked import StackedMLP
from triptych.moe.routing import Routing
from triptych.triton import interpreted, why_no_triton


def triton_dispatch(
    x: Float[Tensor, "T D"], routing: Routing, experts: ExpertBank
) -> Float[Tensor, "T O"]:
    """On CUDA: rows gathered, activated and weighted, and summed by one kernel each, products by
    `torch.nn.functional.grouped_mm`.

    Shapes depend on the shape of x alone, and nothing here waits for the device, neither forward
    nor backward. `grouped_mm` itself waits where it is no single kernel: in other precisions than
    bfloat16, or on other GPUs than those of compute capability 9 and 10.

    Beside a GPU, tokens that are still on the CPU take `grouped_dispatch`, the same products
    without kernels: a model is tried out there before it moves.

    Raises:
        IncompatibleSettings: if the experts are not stacked or of a width, precision or activation
            without kernel; if there is no GPU, or no triton.
    """
    bank = need_stacked(experts, "triton")
    dtype = compute_type(x, bank)
    refusal = why_not_grouped(bank, dtype) or why_not_triton(bank)
    if refusal is not None:
        raise IncompatibleSettings(
            f"model/dispatch=triton: {refusal}: take model/dispatch=grouped or loop"
        )
    if not len(x):
        return loop_dispatch(x, routing, experts)  # a launch needs rows
    if not (x.is_cuda or interpreted()):
        return grouped_dispatch(x, routing, experts)
    with torch.cuda.device_of(x):  # kernels start on the current device, not on that of x
        return _dispatch(x.to(dtype), routing, bank)


def why_not_triton(bank: StackedMLP) -> str | None:
    """What is missing for the kernels, or None."""
    if kernel_name(bank.activation) is None:
        return f"no kernel for the activation {type(bank.activation).__name__}"
    return why_no_triton()


def _dispatch(x: Tensor, routing: Routing, bank: StackedMLP) -> Tensor:
    order, dtype = sort_all_routes(routing), x.dtype
    activation = kernel_name(bank.activation)
    assert activation is not None
    y = WeightedExperts.apply(
        x,
        routing.gates,
        bank.up.to(dtype),
        None if bank.up_bias is None else bank.up_bias.to(dtype),
        bank.down.to(dtype),
        bank.dropout_factors(routing.experts.numel(), x),
        routing.experts.contiguous(),
        order,
        activation,
    )
    if bank.down_bias is None:
        return y
    return y + _each_gate(routing).to(dtype) @ bank.down_bias.to(dtype)


def _each_gate(routing: Routing) -> Float[Tensor, "T E"]:
    """The gates of running routes at their experts, 0 elsewhere."""
    running = routing.running()
    gates = routing.gates if running is None else torch.where(running, routing.gates, 0.0)
    zeros = gates.new_zeros(len(gates), routing.num_experts)
    return zeros.scatter(1, routing.experts, gates)

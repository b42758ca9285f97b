"""All experts in one C++ operator on the CPU, forward and backward."""

import torch
from jaxtyping import Float
from torch import Tensor

from triptych.errors import IncompatibleSettings
from triptych.moe.dispatch.loop import loop_dispatch
from triptych.moe.dispatch.stacked import need_stacked
from triptych.moe.experts.activations import GELU, Activation, ReLU, SwiGLU
from triptych.moe.experts.bank import ExpertBank
from triptych.moe.experts.stacked import StackedMLP
from triptych.moe.native.operator import Operator, operator_or_none
from triptych.moe.routing import Routing

ACTIVATIONS: dict[type[Activation], int] = {ReLU: 0, GELU: 1, SwiGLU: 2}


def fused_dispatch(
    x: Float[Tensor, "T D"], routing: Routing, experts: ExpertBank
) -> Float[Tensor, "T O"]:
    """Compiled on first use, and kept. `loop_dispatch` where it cannot be compiled.

    Raises:
        IncompatibleSettings: if the experts are not stacked, or the operator does not know their
            activation, device or precision.
    """
    bank = need_stacked(experts, "fused")
    refusal = why_not_fused(x, bank)
    if refusal is not None:
        raise IncompatibleSettings(f"model/dispatch=fused: {refusal}: take model/dispatch=loop")
    operator = operator_or_none()
    if operator is None:
        return loop_dispatch(x, routing, experts)
    return run_fused(x, routing, bank, operator)


def why_not_fused(x: Tensor, bank: StackedMLP) -> str | None:
    """What about this call the operator would refuse, or None."""
    if x.device.type != "cpu":
        return f"the operator is for the CPU, not for {x.device.type}"
    if torch.is_autocast_enabled("cpu"):
        return "the operator does not know autocast"
    if x.dtype not in (torch.float32, torch.float64) or bank.up.dtype != x.dtype:
        return f"the operator has no {x.dtype} tokens with {bank.up.dtype} weights"
    if type(bank.activation) not in ACTIVATIONS:
        return f"the operator has no {type(bank.activation).__name__}"
    if torch.compiler.is_compiling():
        return "torch.compile cannot look into the operator"
    return None


def run_fused(x: Tensor, routing: Routing, experts: ExpertBank, operator: Operator) -> Tensor:
    """One call."""
    bank = need_stacked(experts, "fused")
    running = routing.running()
    rows = routing.experts.numel() if running is None else int(running.sum())
    return operator.experts(
        x,
        routing.gates.to(x.dtype),
        bank.up,
        bank.up_bias,
        bank.down,
        bank.down_bias,
        routing.experts,
        running,
        bank.dropout_factors(rows, x),
        ACTIVATIONS[type(bank.activation)],
    )

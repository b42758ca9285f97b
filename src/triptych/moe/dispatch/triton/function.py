"""The differentiable middle of `triton_dispatch`: experts on rows, weighted and summed."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from triptych.moe.dispatch.grouped import sum_by_group
from triptych.moe.dispatch.order import Order
from triptych.moe.dispatch.triton.launch import Gate, collect, spread


class WeightedExperts(torch.autograd.Function):
    """`y_t = sum_k W2_e (gate_tk * activation(W1_e x_t + b1_e) * factors)`, e the expert of (t, k).

    The gate comes before the second layer, so backward needs no answer of an expert: the gradient
    of a gate is the product of its hidden units with theirs (SonicMoE, arXiv 2512.14080).
    Of the N-row tensors only the first layer's output is kept; the others are made again. Every
    sum over rows is one program's, in fixed order: no atomic additions.

    Inputs: x (T, D), gates (T, K), up (E, W, D), up_bias (E, W) or None, down (E, O, F), factors
    (N, F) or None, ids of experts (T, K), order, name of the activation. All but gates are of one
    precision.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gates: Tensor,
        up: Tensor,
        up_bias: Tensor | None,
        down: Tensor,
        factors: Tensor | None,
        experts: Tensor,
        order: Order,
        activation: str,
    ) -> Tensor:
        """(T, O)."""
        hidden = _grouped(spread(x, order), up.transpose(1, 2), order)
        gates = gates.contiguous()
        gate = Gate(activation, order, experts, hidden, up_bias, factors, gates)
        answers = _grouped(gate.forward(), down.transpose(1, 2), order)
        ctx.order, ctx.activation = order, activation
        ctx.save_for_backward(x, gates, up, up_bias, down, factors, experts, hidden)
        return collect(answers, order)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        """Gradients of the first five inputs."""
        x, gates, up, up_bias, down, factors, experts, hidden = ctx.saved_tensors
        order: Order = ctx.order
        for_x, _, for_up, for_up_bias, for_down, *_ = ctx.needs_input_grad
        for_answers = spread(grads[0], order)
        gate = Gate(ctx.activation, order, experts, hidden, up_bias, factors, gates)
        gated, d_hidden, d_gates = gate.backward(_grouped(for_answers, down, order))
        return (
            collect(_grouped(d_hidden, up, order), order) if for_x else None,
            d_gates,
            _grouped(d_hidden.t(), spread(x, order), order) if for_up else None,
            sum_by_group(d_hidden, order.groups) if for_up_bias else None,
            _grouped(for_answers.t(), gated, order) if for_down else None,
            *(None,) * 4,
        )


def _grouped(a: Tensor, b: Tensor, order: Order) -> Tensor:
    """(N, A) by (E, A, B): each group by its matrix; (A, N) by (N, B): a product for each group."""
    return F.grouped_mm(a, b, offs=order.groups.ends)

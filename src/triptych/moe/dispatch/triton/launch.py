"""Starting the kernels: which grid, which block, into which new tensors.

Every function here imports the kernels when it is called, as triton need not be installed.
"""

from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from triptych.moe.dispatch.order import Order
from triptych.moe.experts.activations import GELU, Activation, ReLU, SwiGLU

WIDEST = 1024  # columns of one block


def spread(x: Float[Tensor, "T D"], order: Order) -> Float[Tensor, "N D"]:
    """Each row its token's; unused rows hold anything. The adjoint of `collect`."""
    from triptych.moe.dispatch.triton.kernels import spread_kernel

    width = x.shape[1]
    rows = x.new_empty(len(order.token), width)
    ends = order.groups.ends
    block = _block(width)
    grid = (len(rows), -(-width // block))
    spread_kernel[grid](  # pyright: ignore[reportIndexIssue]
        x.contiguous(), order.token, ends, rows, len(ends), width, block, **_warps(block)
    )
    return rows


def collect(rows: Float[Tensor, "N D"], order: Order) -> Float[Tensor, "T D"]:
    """The sum of each token's rows, in single precision and always in the same order."""
    from triptych.moe.dispatch.triton.kernels import collect_kernel

    tokens, top_k = order.place.shape
    width = rows.shape[1]
    out = rows.new_empty(tokens, width)
    ends = order.groups.ends
    block = _block(width)
    grid = (tokens, -(-width // block))
    collect_kernel[grid](  # pyright: ignore[reportIndexIssue]
        rows, order.place, ends, out, len(ends), top_k, width, block, **_warps(block)
    )
    return out


@final
class Gate:
    """`gate * activation(hidden + bias) * factors` of each row, and its gradients.

    Args:
        activation: between the layers.
        order: of the rows.
        experts: of each route.
        hidden: the first layer's output without bias.
        bias: of the first layer.
        factors: of dropout, 0 or 1 / (1 - p).
        gates: of each route.
    """

    def __init__(
        self,
        activation: str,
        order: Order,
        experts: Int[Tensor, "T K"],
        hidden: Float[Tensor, "N W"],
        bias: Float[Tensor, "E W"] | None,
        factors: Float[Tensor, "N F"] | None,
        gates: Float[Tensor, "T K"],
    ) -> None:
        width = hidden.shape[1]
        self.units = width // 2 if activation == "swiglu" else width
        self.hidden, self.gates = hidden, gates
        self.pointers = (
            hidden,
            hidden if bias is None else bias,
            hidden if factors is None else factors,
            gates,
            experts,
            order.route,
            order.groups.ends,
        )
        self.block = _block(self.units)
        self.constants = dict(
            E=len(order.groups.ends),
            W=width,
            F=self.units,
            ACTIVATION=activation,
            BIAS=bias is not None,
            FACTORS=factors is not None,
            BLOCK=self.block,
            **_warps(self.block),
        )

    def forward(self) -> Float[Tensor, "N F"]:
        """The rows that the second layer maps; unused rows hold anything."""
        from triptych.moe.dispatch.triton.kernels import gate_kernel

        gated = self.hidden.new_empty(len(self.hidden), self.units)
        grid = (len(gated), -(-self.units // self.block))
        gate_kernel[grid](  # pyright: ignore[reportIndexIssue]
            *self.pointers, gated, **self.constants
        )
        return gated

    def backward(self, for_gated: Float[Tensor, "N F"]) -> tuple[Tensor, Tensor, Tensor]:
        """What `forward` gave, and the gradients of hidden and gates (0 where no route runs)."""
        from triptych.moe.dispatch.triton.kernels import gate_backward_kernel

        gated, for_hidden = torch.empty_like(for_gated), torch.empty_like(self.hidden)
        for_gates = torch.zeros_like(self.gates)
        gate_backward_kernel[(len(gated),)](  # pyright: ignore[reportIndexIssue]
            *self.pointers, for_gated, gated, for_hidden, for_gates, **self.constants
        )
        return gated, for_hidden, for_gates


def kernel_name(activation: Activation) -> str | None:
    """What the kernels call this activation; None if they do not know it."""
    names = {ReLU: "relu", GELU: "gelu", SwiGLU: "swiglu"}
    return names.get(type(activation))


def _block(width: int) -> int:
    return min(WIDEST, 1 << (width - 1).bit_length())


def _warps(block: int) -> dict[str, int]:
    return {"num_warps": max(1, block // 256)}

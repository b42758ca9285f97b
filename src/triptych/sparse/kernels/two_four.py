"""The 2:4 product of torch's own operators (cuSPARSELt), with gradients."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

WIDTH = 128  # both widths of a weight must be multiples: the layout of the packed indices
ROWS = 8  # the number of samples must be a multiple; missing ones are filled in
# By magnitude: the operator's default takes the largest values, and zeros before negative ones.
ALGORITHM = "largest_abs_values_greedy"


def compute_type(x: Tensor) -> torch.dtype:
    """The precision of a product with `x`: autocast's where it is on."""
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype


def why_not_two_four(x: Tensor, weight: Tensor) -> str | None:
    """What rules 2:4 products out, in words; None if nothing does."""
    if not x.is_cuda:
        return f"2:4 products need a CUDA device, and this is {x.device.type}"
    dtype = compute_type(x)
    if dtype not in (torch.float16, torch.bfloat16):
        return f"2:4 products need half precision, and this is {dtype}"
    if weight.shape[0] % WIDTH or weight.shape[1] % WIDTH:
        shape = " x ".join(map(str, weight.shape))
        return f"2:4 products need widths that {WIDTH} divides, and this is {shape}"
    if not torch.backends.cusparselt.is_available():
        return "2:4 products need cuSPARSELt, and this torch is without"
    return None


def two_four_product(x: Float[Tensor, "T D"], weight: Float[Tensor, "O D"]) -> Float[Tensor, "T O"]:
    """`x W^T` and the gradient of x as 2:4 sparse products; the gradient of the weight is dense,
    of all places.

    Args:
        x: in half precision, on CUDA.
        weight: zeros but for at most two weights in each row and column of each tile of 4 x 4.
    """
    return _Product.apply(x, weight)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        # Of a transposable weight the operator keeps every number, in both orientations.
        packed, _, transposed, _, _ = torch.ops.aten._sparse_semi_structured_tile(
            weight.detach(), ALGORITHM, use_cutlass=False
        )
        d_out, d_in = weight.shape
        ctx.save_for_backward(x, transposed.view(d_in, -1))
        return _times(x, packed.view(d_out, -1))

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, Tensor | None]:
        grad = grads[0].contiguous()
        x, transposed = ctx.saved_tensors
        for_x = _times(grad, transposed) if ctx.needs_input_grad[0] else None
        for_weight = grad.t() @ x if ctx.needs_input_grad[1] else None
        return for_x, for_weight


def _times(x: Tensor, packed: Tensor) -> Tensor:
    """x (T, D) by a packed (O, D): as (W x^T)^T, because the sparse factor must be the first."""
    missing = -len(x) % ROWS
    filled = F.pad(x, (0, 0, 0, missing)) if missing else x
    y = torch.ops.aten._cslt_sparse_mm(packed, filled.t(), transpose_result=True)
    return y[: len(x)]

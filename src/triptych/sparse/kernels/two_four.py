"""The 2:4 product of torch's own operators (cuSPARSELt), with gradients."""

from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

WIDTH = 128  # both widths of a weight must be multiples: the layout of the packed indices
LEAST = 1024  # widths and samples; below, dense products are faster
# Not float16: there the search for an algorithm ends the process by an illegal instruction (H200,
# torch 2.11, cuSPARSELt 0.8).
HALF = torch.bfloat16
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
    if dtype != HALF:
        return f"2:4 products need {HALF}, and this is {dtype}"
    if weight.shape[0] % WIDTH or weight.shape[1] % WIDTH:
        shape = " x ".join(map(str, weight.shape))
        return f"2:4 products need widths that {WIDTH} divides, and this is {shape}"
    d_out, d_in, rows = *weight.shape, x.shape[:-1].numel()
    if min(d_out, d_in, rows) < LEAST:
        return f"2:4 products do not pay below {LEAST}, and this is {d_out} x {d_in}, {rows} rows"
    if not torch.backends.cusparselt.is_available():
        return "2:4 products need cuSPARSELt, and this torch is without"
    return None


Algorithm = tuple[int, int, int]
"""How cuSPARSELt computes a product: number of the algorithm, split of the inner width, mode."""

FIRST: Algorithm = (0, 1, -1)


def fastest_algorithm(packed: Tensor, x: Float[Tensor, "T D"]) -> Algorithm:
    """By cuSPARSELt's own search, which runs them: the first is up to twice as slow."""
    library = getattr(torch._C, "_cusparselt", None)
    if library is None:
        return FIRST
    number, split, mode, _ = library.mm_search(packed, _filled(x).t(), None, None, None, True)
    return number, split, mode


def packed_once(weight: Float[Tensor, "O D"]) -> Tensor:
    """What `times` takes, of a weight with at most two of four in a row: right on every GPU that
    has 2:4 products, but so slow that it pays only if many products follow."""
    return torch.ops.aten._cslt_compress(weight)


def times(
    x: Float[Tensor, "T D"],
    packed: Tensor,
    bias: Float[Tensor, " O"] | None = None,
    algorithm: Algorithm = FIRST,
) -> Float[Tensor, "T O"]:
    """`x W^T + bias`, computed as (W x^T)^T because the sparse factor must be the first."""
    number, split, mode = algorithm
    y = torch.ops.aten._cslt_sparse_mm(
        packed,
        _filled(x).t(),
        bias,
        transpose_result=True,
        alg_id=number,
        split_k=split,
        split_k_mode=mode,
    )
    return y[: len(x)]


def _filled(x: Tensor) -> Tensor:
    missing = -len(x) % ROWS
    return F.pad(x, (0, 0, 0, missing)) if missing else x


@final
class Algorithms:
    """The fastest algorithm of each product of one layer, searched at the first."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, int], Algorithm] = {}

    def of(self, name: str, packed: Tensor, x: Float[Tensor, "T D"]) -> Algorithm:
        """For as many samples, up to the next power of two.

        Args:
            name: of the product: forward, or for the gradient of the input.
        """
        key = name, max(len(x) - 1, 0).bit_length()
        if key not in self.found:
            self.found[key] = fastest_algorithm(packed, x)
        return self.found[key]


def two_four_product(
    x: Float[Tensor, "T D"],
    weight: Float[Tensor, "O D"],
    bias: Float[Tensor, " O"],
    algorithms: Algorithms,
) -> Float[Tensor, "T O"]:
    """`x W^T + bias` and the gradient of x as 2:4 sparse products, of a weight that is packed anew
    each time; the gradient of the weight is dense, of all places.

    The operator that packs writes the layout of compute capability 8: on others the product is
    wrong (seen on an H200 with torch 2.11, cuSPARSELt 0.8), so compare before it is used.

    Args:
        x: in bfloat16, on CUDA.
        weight: zeros but for at most two weights in each row and column of each tile of 4 x 4.
        bias: of the same precision.
        algorithms: those of the layer.
    """
    return _Product.apply(x, weight, bias, algorithms)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, algorithms: Algorithms
    ) -> Tensor:
        # Of a transposable weight the operator keeps every number, in both orientations.
        packed, _, transposed, _, _ = torch.ops.aten._sparse_semi_structured_tile(
            weight.detach(), ALGORITHM, use_cutlass=False
        )
        d_out, d_in = weight.shape
        ctx.save_for_backward(x, transposed.view(d_in, -1))
        ctx.algorithms = algorithms
        packed = packed.view(d_out, -1)
        return times(x, packed, bias.detach(), algorithms.of("forward", packed, x))

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        grad = grads[0].contiguous()
        x, transposed = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        for_x = None
        if wanted[0]:
            for_x = times(grad, transposed, None, ctx.algorithms.of("input", transposed, grad))
        for_weight = grad.t() @ x if wanted[1] else None
        return for_x, for_weight, grad.sum(dim=0) if wanted[2] else None, None

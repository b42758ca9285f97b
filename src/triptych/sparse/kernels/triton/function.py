"""The product of whole blocks of weights with a batch, and its gradients, by Triton kernels."""

from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from triptych.sparse.kernels.triton import launch
from triptych.triton import why_no_triton

WIDTHS = (16, 32, 64, 128)  # of a block
TYPES = (torch.float32, torch.float16, torch.bfloat16)


def why_not_triton(x: Tensor, block: int) -> str | None:
    """What rules these kernels out for this input, in words; None if nothing does."""
    if not x.is_cuda:
        return f"kernels need a CUDA device, and this is {x.device.type}"
    if x.dtype not in TYPES:
        return f"there is no kernel for {x.dtype}"
    if block not in WIDTHS:
        return f"there is no kernel for model.block={block}: take {', '.join(map(str, WIDTHS))}"
    return why_no_triton()


@final
@dataclass(frozen=True)
class Index:
    """Where N blocks lie, for products from both sides.

    Attributes:
        starts: (rows + 1) where the blocks of each row begin; blocks go row by row.
        columns: (N) of each block.
        rows: (N) of each block.
        column_starts: (columns + 1) where the blocks of each column begin in `by_column`.
        by_column: (N) the blocks column by column.
        rows_by_column: (N) the rows of these.
    """

    starts: Tensor
    columns: Tensor
    rows: Tensor
    column_starts: Tensor
    by_column: Tensor
    rows_by_column: Tensor

    @staticmethod
    def of(columns: Tensor, starts: Tensor, num_columns: int) -> "Index":
        """Of what a layer stores."""
        rows = torch.repeat_interleave(starts.diff(), output_size=len(columns))
        ordered, by_column = columns.sort(stable=True)
        ends = torch.arange(num_columns + 1, device=columns.device)
        column_starts = torch.searchsorted(ordered, ends)
        return Index(starts, columns, rows, column_starts, by_column, rows[by_column])


class BlockProduct(torch.autograd.Function):
    """`x W^T + b`, where only some blocks of W exist. Nothing here waits for the device.

    Inputs: x (T, D), values (N, block, block) as (input, output), bias (O) and the index. All of
    one precision; sums are single.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, values: Tensor, bias: Tensor, index: Index) -> Tensor:
        """(T, O)."""
        x, values = x.contiguous(), values.contiguous()
        ctx.save_for_backward(x, values)
        ctx.index = index
        with torch.cuda.device_of(x):  # kernels start on the current device, not on that of x
            return launch.product(x, values, bias.contiguous(), index.starts, index.columns)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        """Gradients of the first three inputs."""
        grad = grads[0].contiguous()
        x, values = ctx.saved_tensors
        index: Index = ctx.index
        wanted, for_x, for_values = ctx.needs_input_grad, None, None
        with torch.cuda.device_of(x):
            if wanted[0]:
                where = index.column_starts, index.by_column, index.rows_by_column
                for_x = launch.transposed_product(grad, values, *where, x.shape[1])
            if wanted[1]:
                for_values = launch.values_gradient(x, grad, values, index.rows, index.columns)
        return for_x, for_values, grad.sum(dim=0) if wanted[2] else None, None

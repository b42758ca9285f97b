"""Unstructured sparsity that is executed: values in compressed sparse rows."""

import itertools
from typing import Any, ClassVar, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from triptych.errors import IncompatibleSettings
from triptych.sparse.kernels.kernel import drawn
from triptych.sparse.kernels.precision import without_autocast
from triptych.sparse.kernels.rows import Rows, row_of_each, rows_of, scattered_rows
from triptych.sparse.kernels.sizes import StoredSizes
from triptych.sparse.kernels.stored import Parts
from triptych.sparse.kernels.values import ValuesAlone

TILE = 64  # samples at a time: their inputs stay in the cache while all rows pass over them
FEW = 16  # samples; up to here a product that is never differentiated goes to the matrix library
DENSER = 0.12  # density; above it, picking the gradient out of a dense product is faster
PANEL = 512  # rows of that dense product at a time, so that it never is as large as the matrix


@final
class CSRLinear(ValuesAlone):
    """Computes the weights that exist and no others; at large sizes faster than dense from
    about 80 % sparsity: `benchmarks/sparse.md`.

    The Z values are an ordinary parameter, so that optimizers, DDP, clipping and averaging see a
    tensor like any other and keep state for Z numbers alone; where they stand is in buffers of
    32-bit integers. Computes in the precision of the values, autocast or not.

    Args:
        mask: (O, D), true where a weight exists.
    """

    parts: ClassVar = {"values": 1, "columns": 1, "starts": 1}
    columns: Tensor
    starts: Tensor
    t_rows: Tensor
    t_starts: Tensor
    t_order: Tensor

    def __init__(self, mask: Bool[Tensor, "O D"]) -> None:
        super().__init__()
        self.d_out, self.d_in = mask.shape
        weight, bias = drawn(mask)
        self.values, self.bias = nn.Parameter(weight[mask]), nn.Parameter(bias)
        rows = rows_of(mask)
        self.register_buffer("columns", rows.columns)
        self.register_buffer("starts", rows.starts)
        # The transpose follows from the rows, so a checkpoint need not have it.
        for name in ("t_rows", "t_starts", "t_order"):
            self.register_buffer(name, torch.empty(0, dtype=torch.int32), persistent=False)
        self._transpose()
        self.register_load_state_dict_pre_hook(StoredSizes(("columns",)))
        self.register_load_state_dict_post_hook(_transpose_again)

    def product(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch O"]:
        """(..., D) -> (..., O)."""
        with without_autocast(x):
            flat = x.reshape(x.shape[:-1].numel(), self.d_in).to(self.values.dtype)
            if len(flat) <= FEW and not torch.is_grad_enabled():
                y = _few(flat, self.values, self._rows(), self.bias)
            else:
                where = self._rows(), self._columns(), self.t_order
                y = _Product.apply(flat, self.values, self.bias, *where)
            return y.view(*x.shape[:-1], self.d_out)

    def spread(self, laid_out: Tensor) -> Float[Tensor, "O D"]:
        """Each value to its place."""
        return scattered_rows(laid_out, self._rows(), self.d_in)

    def pick(self, dense: Float[Tensor, "O D"]) -> Tensor:
        """The places that exist."""
        return dense[row_of_each(self._rows()), self.columns.long()]

    def place(self, mask: Bool[Tensor, "O D"]) -> None:
        """A mask with as many weights as before."""
        rows = rows_of(mask)
        if len(rows.columns) != self.nonzeros:
            raise IncompatibleSettings(
                "model/kernel=csr holds a fixed number of weights, and this rule changes it:"
                " take model/kernel=masked"
            )
        self.columns.copy_(rows.columns)
        self.starts.copy_(rows.starts)
        self._transpose()

    @staticmethod
    def read(
        parts: Parts, shape: tuple[int, int]
    ) -> tuple[Bool[Tensor, "O D"], Float[Tensor, "O D"]]:
        """Each value to its place."""
        rows, values = Rows(parts["columns"], parts["starts"]), parts["values"]
        mask = scattered_rows(torch.ones_like(values), rows, shape[1]) > 0
        return mask, scattered_rows(values, rows, shape[1])

    def write(self, mask: Bool[Tensor, "O D"], matrix: Float[Tensor, "O D"]) -> dict[str, Tensor]:
        """Row by row."""
        rows = rows_of(mask)
        return {"values": matrix[mask], "columns": rows.columns, "starts": rows.starts}

    @property
    def executes(self) -> str:
        """Itself."""
        return "csr"

    def _rows(self) -> Rows:
        return Rows(self.columns, self.starts)

    def _columns(self) -> Rows:
        return Rows(self.t_rows, self.t_starts)

    def _loaded(self) -> None:
        if int(self.starts[-1]) == len(self.columns):  # else torch is about to say what is wrong
            self._transpose()

    def _transpose(self) -> None:
        rows, device = row_of_each(self._rows()), self.columns.device
        order = torch.argsort(self.columns, stable=True)
        starts = torch.zeros(self.d_in + 1, dtype=torch.int32, device=device)
        starts[1:] = torch.bincount(self.columns, minlength=self.d_in).cumsum(0)
        self.t_rows, self.t_starts = rows[order].to(torch.int32), starts
        self.t_order = order.to(torch.int32)


def _transpose_again(layer: CSRLinear, _: object) -> None:
    layer._loaded()


class _Product(torch.autograd.Function):
    """x W^T + b; the gradient of the values is sampled where they are, never a dense one."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, values: Tensor, bias: Tensor, rows: Rows, columns: Rows, order: Tensor
    ) -> Tensor:
        ctx.save_for_backward(x, values)
        ctx.where = rows, columns, order
        return _tiled(x, values, rows, bias)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None, None]:
        (grad,) = grads
        x, values = ctx.saved_tensors
        rows, columns, order = ctx.where
        wanted, for_x = ctx.needs_input_grad, None
        if wanted[0]:  # index_select: twice as fast as values[order]
            for_x = _tiled(grad, values.index_select(0, order), columns, grad.new_zeros(()))
        for_values = _sampled(grad, x, rows) if wanted[1] else None
        for_bias = grad.sum(dim=0) if wanted[2] else None
        return for_x, for_values, for_bias, None, None, None


def _tiled(x: Tensor, values: Tensor, rows: Rows, bias: Tensor) -> Tensor:
    """x W^T + bias; it is added as each tile is turned, which costs nothing."""
    y = x.new_empty(len(x), len(rows.starts) - 1)
    if not len(values):
        return y.copy_(bias)
    for start in range(0, len(x), TILE):
        tile = x[start : start + TILE].t().contiguous()  # (D, tile)
        sums = F.embedding_bag(
            rows.columns,
            tile,
            rows.starts,
            mode="sum",
            per_sample_weights=values,
            include_last_offset=True,
        )
        torch.add(sums.t(), bias, out=y[start : start + TILE])
    return y


def _sampled(grad: Tensor, x: Tensor, rows: Rows) -> Tensor:
    """The gradient of the values: `grad^T x` where they are."""
    values, size = len(rows.columns), grad.shape[1] * x.shape[1]
    return _picked(grad, x, rows) if values > DENSER * size else _each(grad, x, rows)


def _each(grad: Tensor, x: Tensor, rows: Rows) -> Tensor:
    total = _csr(x.new_zeros(len(rows.columns)), rows, grad.shape[1], x.shape[1])
    for start in range(0, len(x) if len(rows.columns) else 0, TILE):
        tile = slice(start, start + TILE)
        torch.sparse.sampled_addmm(total, grad[tile].t().contiguous(), x[tile], out=total)
    return total.values()


def _picked(grad: Tensor, x: Tensor, rows: Rows) -> Tensor:
    values, width = x.new_empty(len(rows.columns)), x.shape[1]
    bounds = [*rows.starts[:-1:PANEL].tolist(), len(values)]
    counts = rows.starts.diff().split(PANEL)
    for part, count, span in zip(
        grad.split(PANEL, dim=1), counts, itertools.pairwise(bounds), strict=True
    ):
        here = slice(*span)
        first = torch.arange(len(count), device=x.device) * width
        places = torch.repeat_interleave(first, count, output_size=span[1] - span[0])
        values[here] = (part.t() @ x).flatten()[places + rows.columns[here]]
    return values


def _few(x: Tensor, values: Tensor, rows: Rows, bias: Tensor) -> Tensor:
    matrix = _csr(values, rows, len(bias), x.shape[1])
    if len(x) == 1:
        return torch.addmv(bias, matrix, x[0])
    return (matrix @ x.t()).t() + bias


def _csr(values: Tensor, rows: Rows, d_out: int, d_in: int) -> Tensor:
    return torch.sparse_csr_tensor(
        rows.starts, rows.columns, values, (d_out, d_in), check_invariants=False
    )

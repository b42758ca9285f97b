"""Block sparsity that is executed: whole blocks of weights, as dense products."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.notices import say_once
from triptych.sparse.kernels.derived import Derived
from triptych.sparse.kernels.kernel import drawn
from triptych.sparse.kernels.sizes import StoredSizes
from triptych.sparse.kernels.stored import Parts
from triptych.sparse.kernels.triton.function import BlockProduct, Index, why_not_triton
from triptych.sparse.kernels.values import ValuesAlone
from triptych.sparse.native.operator import compiled_for


@final
class BlockLinear(ValuesAlone):
    """Computes the blocks that exist and no others: on a CPU each block is a small dense product
    in place, twice to thrice as fast as single weights are (`benchmarks/sparse.md`), and faster
    where `make native` has compiled the walk over them (`LOG.md`); on CUDA Triton kernels compute
    all of them at once, for blocks of 16, 32, 64 or 128.

    The N blocks are an ordinary parameter (N, block, block), row by row, each transposed (input,
    output).

    Args:
        mask: (O, D), true where a weight exists; whole blocks of it.
        block: the width of a block.

    Raises:
        InvalidSetting: if the width is below 1.
        IncompatibleSettings: if the mask is not made of such blocks.
    """

    parts: ClassVar = {"values": 3, "columns": 1, "starts": 1}
    columns: Tensor
    starts: Tensor

    def __init__(self, mask: Bool[Tensor, "O D"], *, block: int) -> None:
        super().__init__()
        check_block(block)
        self.d_out, self.d_in, self.block = *mask.shape, block
        if self.d_out % block or self.d_in % block:
            raise IncompatibleSettings(
                f"model/kernel=block: a layer of {self.d_out} x {self.d_in} has no whole blocks of"
                f" {block}: take model/kernel=masked, or widths that {block} divides"
            )
        weight, bias = drawn(mask)
        parts = self.write(mask, weight)
        self.values, self.bias = nn.Parameter(parts["values"]), nn.Parameter(bias)
        self.register_buffer("columns", parts["columns"])
        self.register_buffer("starts", parts["starts"])
        self.register_load_state_dict_pre_hook(StoredSizes(("columns",), (block, block)))
        self.index: Derived[Index] = Derived()

    def product(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch O"]:
        """(..., D) -> (..., O)."""
        values, bias = self.values, self.bias
        if torch.is_autocast_enabled(x.device.type):
            half = torch.get_autocast_dtype(x.device.type)
            x, values, bias = x.to(half), values.to(half), bias.to(half)
        flat = x.reshape(x.shape[:-1].numel(), self.d_in)
        y = self._multiplied(flat, values, bias)
        return y.view(*x.shape[:-1], self.d_out)

    def _multiplied(self, x: Tensor, values: Tensor, bias: Tensor) -> Tensor:
        refusal = why_not_triton(x, self.block)
        if refusal is None and len(x):  # a launch needs rows
            where = self.columns, self.starts
            columns = self.d_in // self.block
            index = self.index.of(lambda: Index.of(*where, columns), *where)
            return BlockProduct.apply(x, values, bias, index)
        if x.is_cuda and refusal is not None:
            say_once(f"kernel block: one product after the other, because {refusal}")
        compiled = compiled_for(x)
        if compiled is not None:
            return compiled(x, values, bias, self.columns, self.starts)
        return _Product.apply(x, values, bias, self.columns.tolist(), self.starts.tolist())

    def spread(self, laid_out: Tensor) -> Float[Tensor, "O D"]:
        """Each block to its place."""
        return scattered_blocks(laid_out, self.columns, self.starts, self.d_in)

    def pick(self, dense: Float[Tensor, "O D"]) -> Tensor:
        """The blocks that exist."""
        row = _row_of_each(self.columns, self.starts)
        return tiles(dense, self.block)[row, self.columns].transpose(1, 2)

    def place(self, mask: Bool[Tensor, "O D"]) -> None:
        """Refused: no rule moves whole blocks."""
        raise IncompatibleSettings(
            "model/kernel=block keeps its blocks: take model/rule=static, or model/kernel=masked"
        )

    @staticmethod
    def read(
        parts: Parts, shape: tuple[int, int]
    ) -> tuple[Bool[Tensor, "O D"], Float[Tensor, "O D"]]:
        """Each block to its place."""
        values, where = parts["values"], (parts["columns"], parts["starts"], shape[1])
        mask = scattered_blocks(torch.ones_like(values), *where) > 0
        return mask, scattered_blocks(values, *where)

    def write(self, mask: Bool[Tensor, "O D"], matrix: Float[Tensor, "O D"]) -> dict[str, Tensor]:
        """Row by row of blocks."""
        if not is_of_blocks(mask, self.block):
            raise IncompatibleSettings(
                f"model/kernel=block needs a mask of whole blocks of {self.block}:"
                " take model/mask=block, or model/kernel=csr"
            )
        live = tiles(mask, self.block).flatten(2).any(dim=2)  # (block rows, block columns)
        starts = torch.zeros(live.shape[0] + 1, dtype=torch.int64, device=mask.device)
        starts[1:] = live.sum(dim=1).cumsum(0)
        blocks = tiles(matrix, self.block).transpose(2, 3)[live]
        columns = live.nonzero()[:, 1].contiguous()
        return {"values": blocks.contiguous(), "columns": columns, "starts": starts}

    @property
    def executes(self) -> str:
        """Itself, and whether by Triton kernels or by the compiled product."""
        if why_not_triton(self.values, self.block) is None:
            return "block (triton)"
        return "block" if compiled_for(self.values) is None else "block (compiled)"


def check_block(block: int) -> None:
    """Refuses a width that no block can have."""
    if block < 1:
        raise InvalidSetting(f"model.block={block} must be at least 1")


def is_of_blocks(mask: Bool[Tensor, "O D"], block: int) -> bool:
    """Whether square blocks of this width exist as a whole or not at all."""
    if mask.shape[0] % block or mask.shape[1] % block:
        return False
    inside = tiles(mask, block).flatten(2)
    return torch.equal(inside.any(dim=2), inside.all(dim=2))


def tiles(dense: Tensor, block: int) -> Tensor:
    """(O, D) -> (O / block, D / block, block, block)."""
    rows, columns = dense.shape[0] // block, dense.shape[1] // block
    return dense.reshape(rows, block, columns, block).transpose(1, 2)


def scattered_blocks(
    values: Tensor, columns: Tensor, starts: Tensor, d_in: int
) -> Float[Tensor, "O D"]:
    """Each block (input, output) to its place in a dense matrix, zeros elsewhere."""
    rows, block = len(starts) - 1, values.shape[1]
    dense = values.new_zeros(rows, d_in // block, block, block)
    dense[_row_of_each(columns, starts), columns] = values.transpose(1, 2)
    return dense.transpose(1, 2).reshape(rows * block, d_in // block * block)


def _row_of_each(columns: Tensor, starts: Tensor) -> Tensor:
    return torch.repeat_interleave(starts.diff(), output_size=len(columns))


class _Product(torch.autograd.Function):
    """x W^T + b, one block after the other, read and added in place: nothing is gathered."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, values: Tensor, bias: Tensor, columns: list[int], starts: list[int]
    ) -> Tensor:
        ctx.save_for_backward(x, values)
        ctx.where = columns, starts
        y = bias.to(_sums(x)).repeat(len(x), 1)
        block, add = values.shape[1], _adder(x)
        inputs, rows = x.split(block, dim=1), y.split(block, dim=1)
        for (row, column), weight in zip(_places(columns, starts), values.unbind(), strict=True):
            add(rows[row], inputs[column], weight)
        return y.to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None]:
        grad = grads[0].contiguous()
        x, values = ctx.saved_tensors
        for_x, for_values, for_bias = ctx.needs_input_grad[:3]
        return (
            _input_gradient(grad, x, values, *ctx.where) if for_x else None,
            _values_gradient(grad, x, values, *ctx.where) if for_values else None,
            grad.sum(dim=0) if for_bias else None,
            None,
            None,
        )


def _input_gradient(
    grad: Tensor, x: Tensor, values: Tensor, columns: list[int], starts: list[int]
) -> Tensor:
    total = torch.zeros_like(x, dtype=_sums(x))
    block, add = values.shape[1], _adder(x)
    sums, rows = total.split(block, dim=1), grad.split(block, dim=1)
    blocks = values.transpose(1, 2).unbind()
    for (row, column), weight in zip(_places(columns, starts), blocks, strict=True):
        add(sums[column], rows[row], weight)
    return total.to(x.dtype)


def _values_gradient(
    grad: Tensor, x: Tensor, values: Tensor, columns: list[int], starts: list[int]
) -> Tensor:
    total, block = torch.empty_like(values), values.shape[1]
    inputs, rows = x.t().split(block), grad.split(block, dim=1)
    for (row, column), weight in zip(_places(columns, starts), total.unbind(), strict=True):
        torch.mm(inputs[column], rows[row], out=weight)
    return total


def _places(columns: list[int], starts: list[int]) -> Iterator[tuple[int, int]]:
    """The row and the column of each block."""
    for row, (begin, end) in enumerate(itertools.pairwise(starts)):
        for column in columns[begin:end]:
            yield row, column


def _sums(x: Tensor) -> torch.dtype:
    """In what sums of products are kept: half precision would lose digits at each addition."""
    return torch.promote_types(x.dtype, torch.float32)


def _adder(x: Tensor) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """What adds a product to a sum."""
    return Tensor.addmm_ if x.dtype == _sums(x) else _add_wider


def _add_wider(total: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return total.add_(a @ b)

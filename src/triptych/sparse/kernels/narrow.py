"""Sparsity that is a smaller dense layer: whole rows and columns of weights."""

from typing import ClassVar, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from triptych.errors import IncompatibleSettings
from triptych.sparse.kernels.kernel import drawn
from triptych.sparse.kernels.sizes import StoredSizes
from triptych.sparse.kernels.stored import Parts
from triptych.sparse.kernels.values import ValuesAlone


@final
class NarrowLinear(ValuesAlone):
    """One dense product of the inputs that are needed with the outputs that are left; the other
    outputs are their bias. The coarsest kernel: whole units exist or not.

    The weights are an ordinary parameter (R, C): R rows and C columns of the matrix (O, D).

    Args:
        mask: (O, D), true where a weight exists: every crossing of some rows and some columns.

    Raises:
        IncompatibleSettings: if the mask is not such a rectangle.
    """

    parts: ClassVar = {"values": 2, "rows": 1, "columns": 1}
    rows: Tensor
    columns: Tensor

    def __init__(self, mask: Bool[Tensor, "O D"]) -> None:
        super().__init__()
        self.d_out, self.d_in = mask.shape
        weight, bias = drawn(mask)
        parts = self.write(mask, weight)
        self.register_buffer("rows", parts["rows"])
        self.register_buffer("columns", parts["columns"])
        self.values, self.bias = nn.Parameter(parts["values"]), nn.Parameter(bias)
        self.register_load_state_dict_pre_hook(StoredSizes(("rows", "columns")))

    def product(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch O"]:
        """(..., D) -> (..., O)."""
        needed = x if len(self.columns) == self.d_in else x.index_select(-1, self.columns)
        if len(self.rows) == self.d_out:
            return F.linear(needed, self.values, self.bias)
        y = F.linear(needed, self.values)
        bias = self.bias.to(y.dtype).expand(*x.shape[:-1], self.d_out)
        return bias.index_add(-1, self.rows, y)

    def spread(self, laid_out: Tensor) -> Float[Tensor, "O D"]:
        """Each row and column to its place."""
        return _scattered(laid_out, self.rows, self.columns, self.shape)

    def pick(self, dense: Float[Tensor, "O D"]) -> Tensor:
        """The rows and columns that exist."""
        return dense[self.rows[:, None], self.columns]

    def place(self, mask: Bool[Tensor, "O D"]) -> None:
        """A rectangle of as many rows and columns as before."""
        rows, columns = _live(mask, 1), _live(mask, 0)
        size = len(rows), len(columns)
        if not is_rectangle(mask) or size != self.values.shape:
            raise IncompatibleSettings(
                "model/kernel=narrow holds a fixed number of whole rows and columns, and this rule"
                " changes it: take model/rule=static, or model/kernel=masked"
            )
        self.rows.copy_(rows)
        self.columns.copy_(columns)

    @staticmethod
    def read(
        parts: Parts, shape: tuple[int, int]
    ) -> tuple[Bool[Tensor, "O D"], Float[Tensor, "O D"]]:
        """Each row and column to its place."""
        values, where = parts["values"], (parts["rows"], parts["columns"])
        outputs = len(parts["bias"]) if "bias" in parts else shape[0]
        mask = _scattered(torch.ones_like(values), *where, (outputs, shape[1])) > 0
        return mask, _scattered(values, *where, (outputs, shape[1]))

    def write(self, mask: Bool[Tensor, "O D"], matrix: Float[Tensor, "O D"]) -> dict[str, Tensor]:
        """The rows and columns that exist."""
        if not is_rectangle(mask):
            raise IncompatibleSettings(
                "model/kernel=narrow needs a mask of whole rows and columns:"
                " take model/mask=neurons, or model/kernel=csr"
            )
        rows, columns = _live(mask, 1), _live(mask, 0)
        return {"values": matrix[rows[:, None], columns], "rows": rows, "columns": columns}

    @property
    def executes(self) -> str:
        """Itself."""
        return "narrow"


def is_rectangle(mask: Bool[Tensor, "O D"]) -> bool:
    """Whether weights exist at every crossing of some rows and some columns, and nowhere else."""
    return torch.equal(mask, mask.any(dim=1, keepdim=True) & mask.any(dim=0))


def _live(mask: Tensor, dim: int) -> Tensor:
    return mask.any(dim=dim).nonzero()[:, 0]


def _scattered(
    values: Tensor, rows: Tensor, columns: Tensor, shape: tuple[int, int]
) -> Float[Tensor, "O D"]:
    dense = values.new_zeros(shape)
    dense[rows[:, None], columns] = values
    return dense

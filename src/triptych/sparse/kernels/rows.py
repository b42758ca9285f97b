"""Where the values of an unstructured sparse matrix are: compressed sparse rows."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@final
@dataclass(frozen=True)
class Rows:
    """Where the Z values of a matrix (O, D) are, row by row.

    Attributes:
        columns: the column of each value.
        starts: where each row begins; one more at the end.
    """

    columns: Int[Tensor, " Z"]
    starts: Int[Tensor, " O1"]


def rows_of(mask: Bool[Tensor, "O D"]) -> Rows:
    """The places of a mask."""
    columns = mask.nonzero()[:, 1].to(torch.int32)
    starts = torch.zeros(mask.shape[0] + 1, dtype=torch.int32, device=mask.device)
    starts[1:] = mask.sum(dim=1).cumsum(0)
    return Rows(columns, starts)


def scattered_rows(values: Tensor, rows: Rows, d_in: int) -> Float[Tensor, "O D"]:
    """Each value to its place in a dense matrix, zeros elsewhere."""
    dense = values.new_zeros(len(rows.starts) - 1, d_in)
    dense[row_of_each(rows), rows.columns.long()] = values
    return dense


def row_of_each(rows: Rows) -> Int[Tensor, " Z"]:
    """The row of each value."""
    return torch.repeat_interleave(rows.starts.diff(), output_size=len(rows.columns))

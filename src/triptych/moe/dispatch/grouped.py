"""All experts in one grouped product, on sorted rows, without padding."""

from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from triptych.errors import IncompatibleSettings
from triptych.moe.dispatch.order import combine_rows, gather_rows, sort_routes
from triptych.moe.dispatch.stacked import need_stacked
from triptych.moe.experts.bank import ExpertBank
from triptych.moe.experts.groups import Groups
from triptych.moe.experts.stacked import StackedMLP
from triptych.moe.routing import Routing

BYTES = 16  # rows of every matrix must begin at a multiple of it


def grouped_dispatch(
    x: Float[Tensor, "T D"], routing: Routing, experts: ExpertBank
) -> Float[Tensor, "T O"]:
    """`torch.nn.functional.grouped_mm` for both layers: on CUDA one kernel for all experts.

    Raises:
        IncompatibleSettings: if the experts are not stacked, or their widths or precision are not
            what `grouped_mm` takes.
    """
    bank = need_stacked(experts, "grouped")
    dtype = compute_type(x, bank)
    refusal = why_not_grouped(bank, dtype)
    if refusal is not None:
        raise IncompatibleSettings(f"model/dispatch=grouped: {refusal}: take model/dispatch=loop")
    order = sort_routes(routing)
    rows = gather_rows(x.to(dtype), order)
    answers = bank.through(rows, partial(grouped_linear, groups=order.groups))
    return combine_rows(answers, routing.gates, order)


def why_not_grouped(bank: StackedMLP, dtype: torch.dtype) -> str | None:
    """What about this bank `grouped_mm` would refuse, or None."""
    if dtype not in (torch.float32, torch.bfloat16, torch.float16):
        return f"grouped_mm has no {dtype}"
    for width in (bank.up.shape[2], bank.up.shape[1], bank.down.shape[2], bank.down.shape[1]):
        if width * dtype.itemsize % BYTES:
            return f"width {width} in {dtype} is no multiple of {BYTES} bytes"
    return None


def grouped_linear(
    rows: Float[Tensor, "N D"], weight: Tensor, bias: Tensor | None, groups: Groups
) -> Float[Tensor, "N O"]:
    """Each row times the weight of its group, in the precision of the rows."""
    weight = weight.to(rows.dtype).transpose(1, 2)
    product = _Contiguous.apply(F.grouped_mm(rows, weight, offs=groups.ends))
    if bias is None:
        return product
    spread = torch.repeat_interleave(
        bias.to(rows.dtype), groups.counts, dim=0, output_size=len(rows)
    )
    return product + spread


def compute_type(x: Tensor, bank: StackedMLP) -> torch.dtype:
    """The precision of the products: `grouped_mm` does not know autocast, so it is asked here."""
    if torch.is_autocast_enabled(x.device.type):
        return torch.get_autocast_dtype(x.device.type)
    return torch.promote_types(x.dtype, bank.up.dtype)


class _Contiguous(torch.autograd.Function):
    """Identity; makes the gradient contiguous, because `grouped_mm` refuses an expanded one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return grads[0].contiguous()

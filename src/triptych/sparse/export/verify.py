"""Whether an export file really is the net that it was made from."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
from torch import Tensor, nn

from triptych.errors import InvalidSetting
from triptych.sparse.export.file import dense_state, read_export
from triptych.sparse.export.network import dense_network, export_of

ROUNDINGS = 100  # of the largest output: kernels add in other orders, and so do narrow layers


@final
@dataclass(frozen=True)
class Agreement:
    """How far the outputs of an export are from those of its net.

    Attributes:
        difference: the largest.
        allowed: what rounding explains.
    """

    difference: float
    allowed: float


@torch.no_grad()
def verify_export(net: nn.Module, file: Path, outputs: Callable[[nn.Module], Tensor]) -> Agreement:
    """Reads a file back, builds the dense net of it, and holds it against the net itself: outputs
    up to rounding, and weights bit for bit in formats that keep them all.

    Args:
        net: what was exported.
        file: the export.
        outputs: of a net in evaluation mode on fixed inputs of its precision, or of float32 if
            that is half.

    Raises:
        InvalidSetting: if they differ, or the file cannot be read.
    """
    export = read_export(file)
    state = dense_state(export)
    if export.form != "narrow":
        _compare_weights(net, state, export.form)
    ours, theirs = (outputs(_computable(n)) for n in (net, dense_network(net, state)))
    allowed = ROUNDINGS * torch.finfo(ours.dtype).eps * max(1.0, float(ours.abs().max()))
    difference = float((ours - theirs).abs().max())
    if not difference <= allowed:  # so, because NaN is not either
        raise InvalidSetting(
            f"format={export.form}: the file gives other outputs than the net, by up to"
            f" {difference:.3g} where rounding explains {allowed:.3g}: it was not kept"
        )
    return Agreement(difference, allowed)


def _compare_weights(net: nn.Module, state: dict[str, Tensor], form: str) -> None:
    wanted = export_of(net, "dense").tensors
    lost = sorted(wanted.keys() ^ state.keys())
    wrong = lost or [key for key, value in wanted.items() if not torch.equal(state[key], value)]
    if wrong:
        raise InvalidSetting(f"format={form}: the file has another {wrong[0]} than the net has")


def _computable(net: nn.Module) -> nn.Module:
    """A copy for evaluation, in float32 if it is in half precision."""
    dtype = next(p.dtype for p in net.parameters() if p.is_floating_point())
    return copy.deepcopy(net).to(torch.promote_types(dtype, torch.float32)).eval()

"""How fast sparse layers really are, beside a dense layer of the same size."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import torch
from torch.nn import functional as F

from triptych.sparse.kernels.kernel import SparseLinear
from triptych.sparse.timing import least_seconds, passes

PATIENCE = 3.0  # seconds; after them no further layers are measured


@final
@dataclass(frozen=True)
class Speed:
    """What executes some layers that are alike, and how fast.

    Attributes:
        layers: their names.
        executes: the kernel.
        shape: (O, D) of each.
        density: existing weights over all.
        rows: samples at a time.
        ratio: time of the dense layer over that of the kernel, forward and backward; above 1 the
            kernel is faster. None if there was no time to measure.
    """

    layers: tuple[str, ...]
    executes: str
    shape: tuple[int, int]
    density: float
    rows: int
    ratio: float | None

    def line(self) -> str:
        """For people, in one line."""
        first, *others = self.layers
        more = f" and {len(others)} more" if others else ""
        d_out, d_in = self.shape
        head = f"{first}{more}, {d_out} x {d_in}, density {self.density:.2f}"
        if self.ratio is None:
            return f"{head}: {self.executes}, not measured for want of time"
        return (
            f"{head}: {self.executes} runs at {self.ratio:.2f} of dense speed"
            f" (forward + backward, {self.rows} rows)"
        )


def measured_speeds(layers: Mapping[str, SparseLinear], rows: int) -> list[Speed]:
    """Times one layer of each kind on random inputs, in the precision that is in force.

    Leaves no trace in gradients and random states. Kernels that choose by time make their choice
    for this number of samples here, if they have none yet.

    Args:
        layers: by name.
        rows: samples at a time, as in a training step.
    """
    alike: dict[tuple[str, tuple[int, int], int], list[str]] = {}
    begin, speeds = time.perf_counter(), []
    for name, layer in layers.items():
        with torch.enable_grad():
            layer.product(_inputs(layer, rows))
        alike.setdefault((layer.executes, layer.shape, layer.nonzeros), []).append(name)
    for (executes, shape, _), names in alike.items():
        layer, late = layers[names[0]], time.perf_counter() - begin > PATIENCE
        ratio = None if late else _ratio(layer, rows)
        speeds.append(Speed(tuple(names), executes, shape, layer.density, rows, ratio))
    return speeds


@torch.enable_grad()
def _ratio(layer: SparseLinear, rows: int) -> float:
    x = _inputs(layer, rows)
    weight, bias = layer.matrix().requires_grad_(), layer.bias.detach().requires_grad_()
    calls = {
        "kernel": passes(layer.product, x, list(layer.parameters()), gradients=True),
        "dense": passes(lambda x: F.linear(x, weight, bias), x, [weight, bias], gradients=True),
    }
    seconds = least_seconds(calls, x.device)
    return seconds["dense"] / seconds["kernel"]


def _inputs(layer: SparseLinear, rows: int) -> torch.Tensor:
    generator = torch.Generator(layer.bias.device).manual_seed(0)
    like = {"device": layer.bias.device, "dtype": layer.bias.dtype}
    return torch.randn(rows, layer.shape[1], generator=generator, **like).requires_grad_()

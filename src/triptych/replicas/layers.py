"""Layers that all nets share, for R replicas in one operation."""

from collections.abc import Sequence
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from triptych.dropout import Dropout
from triptych.replicas.stacked import Held, Stacked
from triptych.sparse import MaskedLinear


def batched_linear(
    x: Float[Tensor, "R *batch D"], weight: Float[Tensor, "R O D"], bias: Tensor | None
) -> Float[Tensor, "R *batch O"]:
    """Part r of x times the weight of replica r."""
    rows = x.flatten(1, -2)
    return _BatchedLinear.apply(rows, weight, bias).view(*x.shape[:-1], weight.shape[1])


class _BatchedLinear(torch.autograd.Function):
    """Its gradient of the weight comes in the layout of the weight: that of a product with a
    transposed one does not, and has to be copied."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows, weight)
        turned = weight.transpose(1, 2)
        if bias is None:
            return torch.bmm(rows, turned)
        return torch.baddbmm(bias.unsqueeze(1), rows, turned)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        (grad,) = grads
        rows, weight = ctx.saved_tensors
        for_rows, for_weight, for_bias = ctx.needs_input_grad
        return (
            torch.bmm(grad, weight) if for_rows else None,
            torch.bmm(grad.transpose(1, 2), rows) if for_weight else None,
            grad.sum(dim=1) if for_bias else None,
        )


@final
class StackedLinear(Stacked):
    """R of `nn.Linear`."""

    bias: nn.Parameter | None

    def __init__(self, members: Sequence[nn.Linear]) -> None:
        super().__init__(members)
        self.weight = self.together(members, "weight")
        self.bias = None if members[0].bias is None else self.together(members, "bias")

    def forward(self, x: Float[Tensor, "R *batch D"]) -> Float[Tensor, "R *batch O"]:
        """One batched product."""
        return batched_linear(x, self.weight, self.bias)


@final
class StackedNorm(Stacked):
    """R of `nn.LayerNorm` over the last dimension, with weight and bias."""

    def __init__(self, members: Sequence[nn.LayerNorm]) -> None:
        super().__init__(members)
        self.shape, self.eps = members[0].normalized_shape, members[0].eps
        self.weight = self.together(members, "weight")
        self.bias = self.together(members, "bias")

    def forward(self, x: Float[Tensor, "R *batch D"]) -> Float[Tensor, "R *batch D"]:
        """Normalised at once, then scaled and shifted by replica."""
        between = (1,) * (x.ndim - 2)
        weight, bias = (p.view(len(p), *between, -1) for p in (self.weight, self.bias))
        return torch.addcmul(bias, F.layer_norm(x, self.shape, eps=self.eps), weight)


@final
class StackedDropout(Stacked):
    """R of `Dropout`, each with its own stream and its own probability."""

    members: tuple[Dropout, ...]  # pyright: ignore[reportIncompatibleVariableOverride]

    def forward(self, x: Float[Tensor, "R *batch D"]) -> Float[Tensor, "R *batch D"]:
        """In training; else nothing happens."""
        if not self.training or all(member.p == 0 for member in self.members):
            return x
        return x * self.factors(x.shape[1:], x)

    def factors(self, shape: Sequence[int], like: Tensor) -> Float[Tensor, "R *batch D"]:
        """What each replica's training multiplies values of this shape by."""
        return torch.stack([member.factors(shape, like) for member in self.members])


@final
class StackedMasked(Stacked):
    """R of `MaskedLinear`, each with its own mask.

    Where the members collect the gradient of all places (`SparseLinear.start_probe`), that of the
    masked weight is it, at no cost: `hand_gradients` gives it to them after the backward pass.
    """

    members: tuple[MaskedLinear, ...]  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, members: Sequence[MaskedLinear]) -> None:
        super().__init__(members)
        self.weight = self.together(members, "weight")
        self.bias = self.together(members, "bias")
        self.register_buffer("live", torch.stack([member.live for member in members]))
        self.held.append(Held(self.live, members, "live"))
        self._seen: Tensor | None = None

    live: Tensor

    def forward(self, x: Float[Tensor, "R *batch D"]) -> Float[Tensor, "R *batch O"]:
        """A batched product with the masked weights."""
        weight = torch.where(self.live, self.weight, 0.0)
        if any(member.probe is not None for member in self.members):
            weight.retain_grad()
            self._seen = weight
        return batched_linear(x, weight, self.bias)

    def hand_gradients(self) -> None:
        """Adds the gradient of all places of each replica to what its layer has collected."""
        if self._seen is None or self._seen.grad is None:
            return
        for member, gradient in zip(self.members, self._seen.grad, strict=True):
            if member.probe is not None:
                before = member.probe.grad
                member.probe.grad = gradient if before is None else before + gradient
        self._seen = None

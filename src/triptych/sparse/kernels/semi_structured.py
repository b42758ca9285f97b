"""2:4 sparsity that is executed: the sparse products of GPUs, forward and backward."""

from collections import defaultdict
from collections.abc import Mapping
from typing import final

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.nn import functional as F

from triptych.errors import IncompatibleSettings
from triptych.notices import say_once
from triptych.sparse.kernels.choosing import ChoosingLinear, Product, Results
from triptych.sparse.kernels.derived import Derived
from triptych.sparse.kernels.kernel import drawn
from triptych.sparse.kernels.two_four import (
    Algorithms,
    compute_type,
    packed_once,
    times,
    two_four_product,
    why_not_two_four,
)
from triptych.sparse.kernels.under_mask import UnderMask
from triptych.sparse.patterns.two_four import is_transposable

TWO_FOUR, MASKED = "2:4", "masked"
TOLERANCE = 0.05  # largest difference over largest value


@final
class SemiStructuredLinear(ChoosingLinear, UnderMask):
    """A dense weight under a transposable 2:4 mask, as `MaskedLinear` means it; on CUDA in
    bfloat16 the outputs and the gradient of the inputs are 2:4 sparse products.

    The weight is packed for them at every call; once, until it changes, if it is frozen
    (`requires_grad_(False)`) and gradients are off. A weight that trains is never kept packed:
    torch does not count the changes of fused optimizers, nor of averages that are swapped in. Where
    the products are unsupported, slower at the first call of a kind, or not equal to the masked
    one, it is the masked product, and says so once. The weights stay a dense parameter, and their
    gradient a dense product: 2:4 saves time at best, not memory. On an H200 it saves some with a
    frozen weight and nothing in training: `LOG.md`.

    Args:
        mask: (O, D), true where a weight exists.

    Raises:
        IncompatibleSettings: if a row or column of a tile of 4 x 4 has more than two weights.
    """

    def __init__(self, mask: Bool[Tensor, "O D"]) -> None:
        super().__init__()
        self.hold(mask, *drawn(mask))
        self.algorithms = Algorithms()
        self.packed: dict[torch.dtype, Derived[Tensor]] = defaultdict(Derived)

    def check(self, mask: Bool[Tensor, "O D"]) -> None:
        """Takes what is transposable."""
        if not is_transposable(mask):
            raise IncompatibleSettings(
                "model/kernel=semi_structured needs at most two weights in each row and column of"
                " a tile of 4 x 4: take model/mask=two_four and model.sparsity=0.5,"
                " model/rule=static"
            )

    @property
    def products(self) -> Mapping[str, Product]:
        """Masked, or 2:4."""
        return {MASKED: self._masked, TWO_FOUR: self._two_four}

    def able(self, x: Tensor) -> Mapping[str, Product]:
        """2:4 only where the device has it."""
        refusal = why_not_two_four(x, self.weight)
        if refusal is None:
            return self.products
        if torch.is_grad_enabled():  # trials before a training, on another device, are no news
            say_once(f"kernel semi_structured: the masked dense product, because {refusal}")
        return {MASKED: self._masked}

    def preferred(self, x: Tensor, results: Results, seconds: Mapping[str, float]) -> str:
        """2:4 if it is right and faster."""
        name, reason = better(results, seconds)
        shape = " x ".join(map(str, self.shape))
        say_once(f"kernel semi_structured, {shape}, {x.shape[:-1].numel()} rows: {reason}")
        return name

    @property
    def executes(self) -> str:
        """What was chosen for training; before, the masked product."""
        return f"semi_structured ({self.chosen_for_training() or MASKED})"

    def flops_executed(self) -> int:
        """Half of the matrix, or all of it."""
        size = self.live.numel()
        return size if self.chosen_for_training() == TWO_FOUR else 2 * size

    def _masked(self, x: Tensor) -> Tensor:
        return F.linear(x, torch.where(self.live, self.weight, 0.0), self.bias)

    def _two_four(self, x: Tensor) -> Tensor:
        half = compute_type(x)
        flat = x.reshape(x.shape[:-1].numel(), x.shape[-1]).to(half).contiguous()
        bias = self.bias.to(half)
        if torch.is_grad_enabled() or self.weight.requires_grad:
            weight = torch.where(self.live, self.weight, 0.0).to(half)
            y = two_four_product(flat, weight, bias, self.algorithms)
        else:
            packed = self._packed(half)
            y = times(flat, packed, bias, self.algorithms.of("packed once", packed, flat))
        return y.view(*x.shape[:-1], len(self.weight))

    def _packed(self, half: torch.dtype) -> Tensor:
        """The weight as it is now."""

        def pack() -> Tensor:
            return packed_once(torch.where(self.live, self.weight, 0.0).to(half))

        return self.packed[half].of(pack, self.weight, self.live)


def better(results: Results, seconds: Mapping[str, float]) -> tuple[str, str]:
    """The product to take, and why: never one that computes something else.

    Args:
        results: of both products, for the same input.
        seconds: that they take.
    """
    for ours, wanted in zip(results[TWO_FOUR], results[MASKED], strict=True):
        # Roundings to half precision stay well below; another packing of the weight does not.
        if not bool((ours - wanted).abs().max() <= TOLERANCE * wanted.abs().max()):
            return MASKED, "the masked dense product, because 2:4 gives other numbers here"
    if seconds[TWO_FOUR] >= seconds[MASKED]:
        return MASKED, "the masked dense product, because 2:4 is not faster here"
    return TWO_FOUR, "2:4"

"""The layout that fits the mask, and the execution that is measured fastest."""

from collections.abc import Mapping
from typing import Any, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from triptych.errors import IncompatibleSettings
from triptych.sparse.kernels.block import BlockLinear, check_block, is_of_blocks
from triptych.sparse.kernels.choosing import ChoosingLinear, Product
from triptych.sparse.kernels.csr import CSRLinear
from triptych.sparse.kernels.kernel import SparseLinear
from triptych.sparse.kernels.narrow import NarrowLinear, is_rectangle
from triptych.sparse.kernels.stored import INNER, Parts, Stored, into_inner, writer_of

LAYOUT, DENSE = "layout", "dense"


@final
class AutoLinear(ChoosingLinear):
    """Stores the weights in the layout that the mask allows: narrow, else block, else csr, so that
    checkpoints, ranks and resumed runs agree on it. Multiplies either in that layout or, where it
    is faster, spreads the weights to a matrix and takes the dense product.

    Args:
        mask: (O, D), true where a weight exists.
        block: the width of a block, for masks that are made of such.

    Raises:
        InvalidSetting: if that is below 1.
    """

    def __init__(self, mask: Bool[Tensor, "O D"], *, block: int) -> None:
        super().__init__()
        check_block(block)
        self.inner = laid_out(mask, block)
        self.register_load_state_dict_pre_hook(into_inner)
        self.register_load_state_dict_pre_hook(_take_layout)

    @property
    def products(self) -> Mapping[str, Product]:
        """In the layout, or dense."""
        return {LAYOUT: self.inner.product, DENSE: self._as_dense}

    @property
    def bias(self) -> nn.Parameter:  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the layout."""
        return self.inner.bias

    @property
    def mask(self) -> Bool[Tensor, "O D"]:
        """That of the layout."""
        return self.inner.mask

    @property
    def weights(self) -> nn.Parameter:
        """In the layout."""
        return self.inner.weights

    def spread(self, laid_out: Tensor) -> Float[Tensor, "O D"]:
        """From the layout."""
        return self.inner.spread(laid_out)

    def pick(self, dense: Float[Tensor, "O D"]) -> Tensor:
        """Into the layout."""
        return self.inner.pick(dense)

    def place(self, mask: Bool[Tensor, "O D"]) -> None:
        """What the layout can hold."""
        try:
            self.inner.place(mask)
        except IncompatibleSettings as error:
            raise IncompatibleSettings(
                f"model/kernel=auto keeps the layout of its first masks: {error}"
            ) from None

    @property
    def nonzeros(self) -> int:
        """Of the layout."""
        return self.inner.nonzeros

    @property
    def shape(self) -> tuple[int, int]:
        """(O, D)."""
        return self.inner.shape

    @property
    def executes(self) -> str:
        """What was chosen for training; before, the layout."""
        dense = self.chosen_for_training() == DENSE
        return f"auto ({self.inner.executes}{', as a dense product' if dense else ''})"

    def flops_executed(self) -> int:
        """Those of what was chosen for training; before, of the layout."""
        d_out, d_in = self.shape
        return 2 * d_out * d_in if self.chosen_for_training() == DENSE else 2 * self.nonzeros

    def _as_dense(self, x: Tensor) -> Tensor:
        return F.linear(x, self.inner.spread(self.inner.weights), self.inner.bias)


def laid_out(mask: Bool[Tensor, "O D"], block: int) -> SparseLinear:
    """The layer of the coarsest layout that holds this mask."""
    if is_rectangle(mask):
        return NarrowLinear(mask)
    whole = block > 1 and is_of_blocks(mask, block)  # any mask is made of blocks of 1
    return BlockLinear(mask, block=block) if whole else CSRLinear(mask)


def _take_layout(layer: AutoLinear, state: Mapping[str, Any], prefix: str, *_: Any) -> None:
    """Before a state dict is loaded: its layout, which is another one where a start has chosen the
    mask."""
    inner = prefix + INNER
    parts = {k.removeprefix(inner): v for k, v in state.items() if k.startswith(inner)}
    kind = writer_of(parts)
    if kind is None or isinstance(layer.inner, kind):
        return  # what is wrong is said when it is loaded
    everything = torch.ones(layer.shape, dtype=torch.bool)
    with torch.random.fork_rng(devices=[]):  # for numbers that the state dict overwrites
        new = _laid_out_as(kind, everything, parts)
    layer.inner = new.to(layer.bias).train(layer.training)


def _laid_out_as(kind: type[Stored], mask: Tensor, parts: Parts) -> SparseLinear:
    """A layer of the layout that a state dict has."""
    if kind is BlockLinear:
        return BlockLinear(mask, block=parts["values"].shape[1])
    return NarrowLinear(mask) if kind is NarrowLinear else CSRLinear(mask)

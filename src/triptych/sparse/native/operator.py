"""The compiled product of whole blocks as Python sees it, where it has been compiled."""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from triptych.native.compiler import library_of
from triptych.native.loading import load_if_built

BlocksProduct = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
"""(x (T, D), values (N, B, B), bias (O), columns (N), starts (O / B + 1)) -> y (T, O), with
gradients of the first three. A block is (input, output)."""

TYPES = (torch.float32, torch.float64)


@cache
def product_if_built() -> BlocksProduct | None:
    """The product, if it had been compiled when this process first asked; compiles nothing.

    One answer for the whole process: a run must not change its arithmetic halfway.
    """
    return torch.ops.triptych_sparse.blocks.default if load_if_built(library_of("sparse")) else None


def compiled_for(x: Tensor) -> BlocksProduct | None:
    """The product, if it has been compiled and takes such inputs: in single or double precision on
    a CPU, outside of torch.compile, which cannot look into it."""
    if x.device.type != "cpu" or x.dtype not in TYPES or torch.compiler.is_compiling():
        return None
    return product_if_built()

"""Layers with more than one way to compute their product, which take the one measured fastest."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from triptych.sparse.kernels.kernel import SparseLinear
from triptych.sparse.timing import least_seconds, passes

Product = Callable[[Tensor], Tensor]
"""(..., D) -> (..., O)."""

Results = Mapping[str, list[Tensor]]
"""By the name of a product: its output, and before a backward pass its gradients."""


class ChoosingLinear(SparseLinear, ABC):
    """Chooses by time at the first call of each kind, and never again: neither a step of an
    optimizer nor a move of the mask changes what a call costs.

    The choice is in the state dict, so that a resumed run computes as the run before. Two runs may
    choose differently, and then differ by rounding.

    Attributes:
        chosen: the name of a product, by kind of call: see `kind_of`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.chosen: dict[str, str] = {}

    @property
    @abstractmethod
    def products(self) -> Mapping[str, Product]:
        """The ways, by name; the first is taken where there is nothing to measure."""

    def able(self, x: Tensor) -> Mapping[str, Product]:
        """Those of `products` that can take this input, at least one."""
        return self.products

    def preferred(self, x: Tensor, results: Results, seconds: Mapping[str, float]) -> str:
        """The name of the way to take, of those that were tried with `x`."""
        return min(seconds, key=lambda name: seconds[name])

    @final
    def product(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch O"]:
        """(..., D) -> (..., O)."""
        able = self.able(x)
        if len(able) == 1 or not x.numel():
            return next(iter(able.values()))(x)
        kind = kind_of(x)
        if kind not in self.chosen:
            self.chosen[kind] = self._fastest(x, able)
        return able[self.chosen[kind]](x)

    @final
    def chosen_for_training(self) -> str | None:
        """What was chosen for forward and backward with the most samples; None before."""
        rows = {_rows(kind): name for kind, name in self.chosen.items() if kind.endswith(TRAINING)}
        return rows[max(rows)] if rows else None

    def get_extra_state(self) -> dict[str, str]:
        """What was chosen so far; in the state dict."""
        return dict(self.chosen)

    def set_extra_state(self, state: dict[str, str]) -> None:
        """Goes on with it."""
        self.chosen = dict(state)

    def _fastest(self, x: Tensor, able: Mapping[str, Product]) -> str:
        training = torch.is_grad_enabled()
        copy = x.detach().requires_grad_(training and x.requires_grad)
        calls = {
            name: passes(product, copy, list(self.parameters()), training)
            for name, product in able.items()
        }
        results = {name: call() for name, call in calls.items()}
        return self.preferred(x, results, least_seconds(calls, x.device))


TRAINING = "training"


def kind_of(x: Float[Tensor, "*batch D"]) -> str:
    """In words what the time of a call depends on: device, precision, number of samples (up to
    the next power of two), and whether a backward pass will follow.

    >>> kind_of(torch.zeros(100, 8))
    'cpu torch.float32 autocast None rows 128 training'
    """
    device = x.device.type
    half = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
    rows = 1 << max(x.shape[:-1].numel() - 1, 0).bit_length()
    purpose = TRAINING if torch.is_grad_enabled() else "inference"
    return f"{device} {x.dtype} autocast {half} rows {rows} {purpose}"


def _rows(kind: str) -> int:
    return int(kind.split()[-2])

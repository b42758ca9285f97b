"""Giving a layer a new mask, with its weights and what the optimizer remembers of them."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from triptych.sparse.kernels.kernel import SparseLinear

Fresh = Callable[[str, Tensor | None], Tensor | float]
"""(name of an optimizer's state, gradient (O, D) or None) -> its value for weights that are new."""


@runtime_checkable
class Remembers(Protocol):
    """What has a state for each parameter, by name, as every optimizer does."""

    @property
    def state(self) -> Mapping[Any, Mapping[str, Any]]:
        """By parameter."""
        ...


def zero_state(name: str, gradient: Float[Tensor, "O D"] | None) -> Tensor | float:
    """New weights begin with nothing. Under Adam, late in training, their first steps are then up
    to 6 times too long: its step count says that the mean of squares is no longer young."""
    return 0.0


def squared_gradient_state(name: str, gradient: Float[Tensor, "O D"] | None) -> Tensor | float:
    """Adam's mean of squares begins with the square of the gradient, so that first steps are short;
    everything else with nothing, and all where a rule does not look at gradients."""
    return gradient.square() if name == "exp_avg_sq" and gradient is not None else 0.0


@torch.no_grad()
def move(
    layer: SparseLinear,
    mask: Bool[Tensor, "O D"],
    optimizer: Remembers | None,
    fresh: Fresh,
    gradient: Float[Tensor, "O D"] | None,
) -> None:
    """New weights are 0; those that go leave nothing behind, also in the optimizer's state.
    In a latent layer they all live on, as they are.

    Args:
        layer: gets the mask.
        mask: the new one.
        optimizer: whose state of the weights moves with them; None where none trains the layer.
        fresh: the state of new weights.
        gradient: of all places, for `fresh`.
    """
    if layer.latent:
        layer.place(mask)
        return
    kept = layer.mask & mask
    weights = layer.weights
    old = {"": layer.matrix()}
    state = {
        name: value
        for name, value in ({} if optimizer is None else optimizer.state[weights]).items()
        if isinstance(value, Tensor) and value.shape == weights.shape
    }
    old |= {name: layer.spread(value) for name, value in state.items()}
    layer.place(mask)
    weights.copy_(layer.pick(torch.where(kept, old[""], 0.0)))
    for name, value in state.items():
        new = torch.as_tensor(fresh(name, gradient), dtype=value.dtype, device=value.device)
        value.copy_(layer.pick(torch.where(kept, old[name], new)))

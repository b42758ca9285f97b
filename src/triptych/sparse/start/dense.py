"""A copy of a net for scores to be taken of, whatever its kernels."""

import copy
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from triptych.sparse.kernels.kernel import sparse_layers


@final
@dataclass(frozen=True)
class DenseCopy:
    """A net whose sparse layers are `nn.Linear`: it can be differentiated twice, and shares nothing
    with its original.

    Attributes:
        net: (N, D) -> logits (N, C).
        weights: (O, D) of each layer that was sparse, by its name.
    """

    net: nn.Module
    weights: dict[str, nn.Parameter]

    def gradients(self, value: Tensor, *, differentiable: bool) -> dict[str, Tensor]:
        """Of a number, by `weights`: (O, D) by layer.

        Args:
            differentiable: whether they can themselves be differentiated.
        """
        parameters = list(self.weights.values())
        found = torch.autograd.grad(value, parameters, create_graph=differentiable)
        return dict(zip(self.weights, found, strict=True))


def dense_copy(net: nn.Module) -> DenseCopy:
    """In double precision, so that few scores are equal; in evaluation mode, so that dropout does
    not choose."""
    copied = copy.deepcopy(net).double().eval()
    weights = {}
    for name, layer in sparse_layers(copied).items():
        linear = nn.Linear(layer.shape[1], layer.shape[0], device="meta")
        linear.weight, linear.bias = nn.Parameter(layer.matrix()), layer.bias
        copied.set_submodule(name, linear)
        weights[name] = linear.weight
    return DenseCopy(copied, weights)

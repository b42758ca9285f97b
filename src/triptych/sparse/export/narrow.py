"""A chain of sparse layers as a narrower dense one: hidden units that cannot matter are removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from triptych.dropout import Dropout
from triptych.sparse.kernels.kernel import SparseLinear


@final
@dataclass(frozen=True)
class Affine:
    """Weight (O, D) and bias (O) of one layer."""

    weight: Float[Tensor, "O D"]
    bias: Float[Tensor, " O"]


def narrowed(chain: Sequence[Affine]) -> list[Affine]:
    """The same function `x -> W_k relu(... relu(W_0 x + b_0) ...) + b_k` by fewer hidden units.

    A unit without any incoming weight is the constant `relu(bias)`: what it adds goes into the
    biases of the next layer, summed in double precision. A unit without any outgoing weight is
    left out. Inputs and outputs stay. At least one unit of each hidden layer stays, without
    outgoing weights if need be, because a layer without units is more than most programs can load.

    Args:
        chain: layers with a ReLU between each two.
    """
    layers = [_double(layer) for layer in chain]
    for i in range(len(layers) - 1):  # from the front: a fold can make units of the next constant
        constant = ~layers[i].weight.any(dim=1)
        after = layers[i + 1]
        adds = after.weight[:, constant] @ layers[i].bias[constant].relu()
        weight = torch.where(constant, 0.0, after.weight)
        layers[i + 1] = Affine(weight, after.bias + adds)
    for i in reversed(range(len(layers) - 1)):  # from the back: who feeds only the idle is idle
        used = layers[i + 1].weight.any(dim=0)
        layers[i], layers[i + 1] = _without(layers[i], layers[i + 1], used)
    return [
        Affine(layer.weight.to(old.weight.dtype), layer.bias.to(old.bias.dtype))
        for layer, old in zip(layers, chain, strict=True)
    ]


def _double(layer: Affine) -> Affine:
    return Affine(layer.weight.double(), layer.bias.double())


def _without(layer: Affine, after: Affine, used: Bool[Tensor, " H"]) -> tuple[Affine, Affine]:
    kept = used.clone()
    kept[0] |= not bool(used.any())
    return Affine(layer.weight[kept], layer.bias[kept]), Affine(after.weight[:, kept], after.bias)


def narrow_chains(net: nn.Module) -> dict[str, Affine]:
    """Narrow layers by name, for each `nn.Sequential` in a net that is a chain of linear layers,
    sparse ones among them, with a ReLU (and dropout) between each two."""
    found: dict[str, Affine] = {}
    for name, module in net.named_modules():
        layers = _linear_layers(module)
        if any(isinstance(layer, SparseLinear) for layer in layers.values()):
            narrow = narrowed([affine(layer) for layer in layers.values()])
            names = (f"{name}.{child}".lstrip(".") for child in layers)
            found |= dict(zip(names, narrow, strict=True))
    return found


def affine(layer: nn.Module) -> Affine:
    """Copies of what a linear layer multiplies with and adds."""
    if isinstance(layer, SparseLinear):
        return Affine(layer.matrix(), layer.bias.detach().clone())
    assert isinstance(layer, nn.Linear)
    return Affine(layer.weight.detach().clone(), layer.bias.detach().clone())


def _linear_layers(module: nn.Module) -> dict[str, nn.Module]:
    """The linear layers of a chain by name; none if it is no such chain."""
    if type(module) is not nn.Sequential:
        return {}
    children = [
        (n, m) for n, m in module.named_children() if not isinstance(m, Dropout | nn.Dropout)
    ]
    linear, between = children[::2], children[1::2]
    fits = len(linear) == len(between) + 1
    fits &= all(isinstance(m, SparseLinear | nn.Linear) and m.bias is not None for _, m in linear)
    fits &= all(isinstance(m, nn.ReLU) for _, m in between)
    return dict(linear) if fits else {}

"""What a latent kernel means, written out."""

from typing import final

import torch
from torch import Tensor, nn

from triptych.sparse import SparseLinear


@final
class Formula(nn.Module):
    """`x (W * mask)^T + b`, with the gradient that W would have without the mask: the difference
    that the mask makes to W is a constant for autograd. Starts from the numbers of a layer."""

    latent = True

    def __init__(self, layer: SparseLinear) -> None:
        super().__init__()
        self.register_buffer("mask", layer.mask.clone())
        self.weight = nn.Parameter(layer.weights.detach().clone())
        self.bias = nn.Parameter(layer.bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        lost = (self.weight * ~self.mask).detach()
        return x @ (self.weight - lost).T + self.bias

    @property
    def weights(self) -> nn.Parameter:
        return self.weight

    def matrix(self) -> Tensor:
        return self.weight.detach() * self.mask

    def spread(self, laid_out: Tensor) -> Tensor:
        return torch.where(self.mask, laid_out, 0.0)

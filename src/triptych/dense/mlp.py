"""A chain of linear maps with an activation, and dropout, between them."""

from collections.abc import Callable, Sequence
from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from triptych.dropout import Dropout


@final
class MLP(nn.Module):
    """`layers[0] -> activation -> dropout -> layers[1] -> ... -> layers[-1]`.

    The layers are given ready, so dense and sparse chains differ in nothing but their layers.

    Args:
        layers: linear maps whose widths fit each other.
        activation: makes the non-linearity between two layers, as in `nn.ReLU`.
        dropouts: dropout probability after each activation, `len(layers) - 1` of them.

    Raises:
        ValueError: if there are not exactly `len(layers) - 1` dropouts.
    """

    def __init__(
        self,
        layers: Sequence[nn.Module],
        activation: Callable[[], nn.Module],
        dropouts: Sequence[float],
    ) -> None:
        super().__init__()
        if len(dropouts) != len(layers) - 1:
            raise ValueError(
                f"{len(layers)} layers need {len(layers) - 1} dropouts, got {dropouts}"
            )
        chain: list[nn.Module] = [layers[0]]
        for layer, dropout in zip(layers[1:], dropouts, strict=True):
            chain.append(activation())
            if dropout > 0:
                chain.append(Dropout(dropout))
            chain.append(layer)
        self.chain = nn.Sequential(*chain)

    def forward(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch O"]:
        """(..., D) -> (..., O)."""
        return self.chain(x)

"""What every sparse linear layer means, however it is executed."""

from abc import ABC, abstractmethod
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from triptych.sparse.kernels.precision import without_autocast
from triptych.types import Cost


class SparseLinear(nn.Module, ABC):
    """`y = x W^T + b` where only the weights under a mask exist.

    Initialised as `nn.Linear` is, but with the fan-in that is left on average:
    U(-1/sqrt(density * D), 1/sqrt(density * D)), which keeps the output's variance. All kernels
    draw the same numbers, so that the choice of a kernel changes time and memory alone.
    """

    bias: nn.Parameter

    latent: bool = False
    """Whether weights outside of the mask live on, unseen by the product: `weights` is then a dense
    matrix (O, D)."""

    def __init__(self) -> None:
        super().__init__()
        self.probe: Tensor | None = None

    @final
    def forward(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch O"]:
        """(..., D) -> (..., O)."""
        y = self.product(x)
        if self.probe is None:
            return y
        with without_autocast(x):  # half of a long sum may be infinite where no weight exists
            return y + F.linear(x.to(self.probe.dtype), self.probe).to(y.dtype)

    @abstractmethod
    def product(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch O"]:
        """(..., D) -> (..., O), by the weights that exist."""

    @property
    @abstractmethod
    def weights(self) -> nn.Parameter:
        """What is trained: the weights that exist, in the layout of the kernel."""

    @abstractmethod
    def spread(self, laid_out: Tensor) -> Float[Tensor, "O D"]:
        """A tensor in the layout of `weights` as a dense matrix, zeros where none exists."""

    @abstractmethod
    def pick(self, dense: Float[Tensor, "O D"]) -> Tensor:
        """Of a dense matrix what exists, in the layout of `weights`."""

    @abstractmethod
    def place(self, mask: Bool[Tensor, "O D"]) -> None:
        """Takes a new mask, without touching the numbers in `weights`: see `rules.move`.

        Raises:
            IncompatibleSettings: if the kernel cannot take it.
        """

    @final
    def start_probe(self) -> None:
        """From now on the gradient of *all* places is collected: a dense product beside the
        sparse one, by zeros. What `probe.grad` holds after backward is that gradient."""
        d_out, d_in = self.shape
        self.probe = self.bias.new_zeros(d_out, d_in).requires_grad_()

    @final
    def take_probe(self) -> Float[Tensor, "O D"]:
        """The gradient that was collected; the layer goes on without."""
        assert self.probe is not None
        gradient = torch.zeros_like(self.probe) if self.probe.grad is None else self.probe.grad
        self.probe = None
        return gradient

    @property
    @abstractmethod
    def mask(self) -> Bool[Tensor, "O D"]:
        """True where a weight exists."""

    @final
    def matrix(self) -> Float[Tensor, "O D"]:
        """The weight as a dense matrix, zeros where none exists; a copy without gradient."""
        return self.spread(self.weights.detach())

    @final
    def cost(self) -> Cost:
        """What one sample costs: what exists, and what this kernel really multiplies."""
        params = self.nonzeros + self.bias.numel()
        return Cost(params, params, 2 * self.nonzeros, self.flops_executed())

    @abstractmethod
    def flops_executed(self) -> int:
        """FLOPs of one sample in the forward pass of this kernel."""

    @property
    @abstractmethod
    def nonzeros(self) -> int:
        """The number of weights that exist (the bias is not counted)."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(O, D)."""

    @property
    @abstractmethod
    def executes(self) -> str:
        """The name of what computes the product."""

    @property
    def density(self) -> float:
        """Existing weights over all places of the matrix."""
        return self.nonzeros / (self.shape[0] * self.shape[1])


def sparse_layers(net: nn.Module) -> dict[str, SparseLinear]:
    """The sparse layers of a net by name, each once, without those that another is made of."""
    found: dict[str, SparseLinear] = {}
    parts: set[nn.Module] = set()
    for name, module in net.named_modules():
        if isinstance(module, SparseLinear) and module not in parts:
            found[name] = module
            parts.update(module.modules())
    return found


def drawn(mask: Bool[Tensor, "O D"]) -> tuple[Float[Tensor, "O D"], Float[Tensor, " O"]]:
    """A first weight, zero outside of the mask, and a first bias."""
    weight, bias = drawn_everywhere(mask)
    return torch.where(mask, weight, 0.0), bias


def drawn_everywhere(
    mask: Bool[Tensor, "O D"],
) -> tuple[Float[Tensor, "O D"], Float[Tensor, " O"]]:
    """As `drawn`, the same numbers under the mask, and others of their kind outside of it."""
    d_out, d_in = mask.shape
    density = max(int(mask.sum()), 1) / mask.numel()
    bound = (density * d_in) ** -0.5
    weight = torch.empty(d_out, d_in).uniform_(-bound, bound)
    return weight, torch.empty(d_out).uniform_(-bound, bound)

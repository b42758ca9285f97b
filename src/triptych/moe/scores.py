"""Scoring nets: how much each token likes each expert, before any choice."""

from abc import ABC, abstractmethod
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from triptych.dropout import Dropout
from triptych.errors import InvalidSetting, check_dropout
from triptych.types import Cost

# Tokens of size 1 that differ by a hundredth are then many periods apart, and single precision
# still has three digits left.
SCRAMBLING = 1000.0


class Scores(nn.Module, ABC):
    """Maps tokens to a logit per expert, in at least single precision, autocast or not.

    Half precision would tie many scores and make choices unstable (Switch, arXiv 2101.03961, 2.4).

    Args:
        jitter: in training, tokens are multiplied by noise from U(1 - jitter, 1 + jitter) before
            they are scored (Switch, appendix).
        temperature: logits are divided by it.
    """

    def __init__(self, jitter: float, temperature: float) -> None:
        super().__init__()
        if not 0 <= jitter < 1:
            raise InvalidSetting(f"jitter must be in [0, 1), got {jitter}")
        if not temperature > 0:
            raise InvalidSetting(f"temperature must be above 0, got {temperature}")
        self.jitter, self.temperature = jitter, temperature

    @abstractmethod
    def logits(self, x: Float[Tensor, "T D"]) -> Float[Tensor, "T E"]:
        """(T, D) -> (T, E); x is in the precision to compute in."""

    @final
    def forward(self, x: Float[Tensor, "T D"]) -> Float[Tensor, "T E"]:
        """(T, D) -> (T, E)."""
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        if self.jitter > 0 and self.training:
            x = x * torch.empty_like(x).uniform_(1 - self.jitter, 1 + self.jitter)
        if torch.is_autocast_enabled(x.device.type):
            with torch.autocast(x.device.type, enabled=False):
                logits = self.logits(x)
        else:
            logits = self.logits(x)
        return logits if self.temperature == 1 else logits / self.temperature


@final
class LinearScores(Scores):
    """One linear map from token to expert scores, without bias, N(0, 0.02).

    Not zero: equal scores would send all tokens to the same K experts.
    """

    def __init__(
        self, d_in: int, num_experts: int, *, jitter: float = 0.0, temperature: float = 1.0
    ) -> None:
        super().__init__(jitter, temperature)
        self.linear = nn.Linear(d_in, num_experts, bias=False)
        nn.init.normal_(self.linear.weight, std=0.02)

    def logits(self, x: Float[Tensor, "T D"]) -> Float[Tensor, "T E"]:
        """One matrix product."""
        return F.linear(x, self.linear.weight.to(x.dtype))


@final
class MLPScores(Scores):
    """Scores from one hidden ReLU layer; weights N(0, 0.1), biases 0, as in the source study."""

    def __init__(
        self,
        d_in: int,
        num_experts: int,
        *,
        hidden: int,
        dropout: float,
        jitter: float = 0.0,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(jitter, temperature)
        if hidden < 1:
            raise InvalidSetting(f"hidden of the router must be at least 1, got {hidden}")
        check_dropout(dropout)
        self.up, self.down = nn.Linear(d_in, hidden), nn.Linear(hidden, num_experts)
        self.dropout = Dropout(dropout)
        for layer in (self.up, self.down):
            nn.init.normal_(layer.weight, std=0.1)
            nn.init.zeros_(layer.bias)

    def logits(self, x: Float[Tensor, "T D"]) -> Float[Tensor, "T E"]:
        """D - hidden - E."""
        hidden = F.relu(_linear(self.up, x))
        return _linear(self.down, self.dropout(hidden))


def _linear(layer: nn.Linear, x: Tensor) -> Tensor:
    return F.linear(x, layer.weight.to(x.dtype), layer.bias.to(x.dtype))


@final
class CosineScores(Scores):
    """`scale * <x / |x|, phi_e / |phi_e|>` with a learned scale that starts at 1 (Soft MoE,
    arXiv 2308.00951): logits that do not grow with the width of the token."""

    def __init__(
        self, d_in: int, num_experts: int, *, jitter: float = 0.0, temperature: float = 1.0
    ) -> None:
        super().__init__(jitter, temperature)
        self.linear = nn.Linear(d_in, num_experts, bias=False)
        nn.init.normal_(self.linear.weight)
        self.scale = nn.Parameter(torch.ones(()))

    def logits(self, x: Float[Tensor, "T D"]) -> Float[Tensor, "T E"]:
        """One matrix product of unit vectors."""
        directions = F.normalize(self.linear.weight.to(x.dtype), dim=1)
        return F.linear(F.normalize(x, dim=1), directions * self.scale.to(x.dtype))


class FrozenProjection(Scores, ABC):
    """A random projection that is drawn once and never learned; subclasses say what it scores.

    Args:
        size: of its numbers, N(0, size).
    """

    projection: Tensor

    def __init__(self, d_in: int, num_experts: int, size: float) -> None:
        super().__init__(jitter=0.0, temperature=1.0)
        self.register_buffer("projection", size * torch.randn(num_experts, d_in))

    @final
    def cost(self) -> Cost:
        """Work without parameters."""
        products = 2 * self.projection.numel()
        return Cost(flops=products, flops_executed=products)


@final
class FrozenScores(FrozenProjection):
    """The projections N(0, 1) themselves: near tokens score alike."""

    def __init__(self, d_in: int, num_experts: int) -> None:
        super().__init__(d_in, num_experts, size=1.0)

    def logits(self, x: Float[Tensor, "T D"]) -> Float[Tensor, "T E"]:
        """One matrix product."""
        return F.linear(x, self.projection.to(x.dtype))


@final
class ScrambledScores(FrozenProjection):
    """Scores in [0, 1) that look random but are a function of the token: of large projections,
    the part behind the point. Near tokens score unlike each other, but each the same every time.
    """

    def __init__(self, d_in: int, num_experts: int) -> None:
        super().__init__(d_in, num_experts, size=SCRAMBLING)

    def logits(self, x: Float[Tensor, "T D"]) -> Float[Tensor, "T E"]:
        """One matrix product."""
        return F.linear(x, self.projection.to(x.dtype)).frac().abs()

"""Stacked experts on routes that partly do not run, for dispatches by grouped products."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from triptych.moe import Activation, Dispatch, ReLU, Routing, StackedMLP, reference_dispatch

TOLERANCE = {torch.float32: 1e-5, torch.float16: 5e-3, torch.bfloat16: 2e-2}


@dataclass(frozen=True)
class Case:
    """Widths are multiples of 8, as bfloat16 needs; `runs` is all, some or none of the routes."""

    tokens: int = 7
    width: int = 16
    hidden: int = 24
    out: int = 8
    experts: int = 4
    top_k: int = 2
    activation: Callable[[], Activation] = ReLU
    bias: bool = True
    runs: str = "all"
    one_expert: bool = False
    dropout: float = 0.0

    def bank(self, dtype: torch.dtype, device: str) -> StackedMLP:
        torch.manual_seed(0)
        bank = StackedMLP(
            self.experts,
            self.width,
            self.out,
            d_hidden=self.hidden,
            dropout=self.dropout,
            activation=self.activation,
            bias=self.bias,
        )
        return bank.to(device, dtype)

    def x(self, dtype: torch.dtype, device: str) -> Tensor:
        return self._random(self.tokens, self.width).to(device, dtype)

    def routing(self, gates: Tensor) -> Routing:
        """Uneven by chance; the last expert gets nothing if there is more than one."""
        shape = self.tokens, self.experts
        scores = self._random(*shape)
        if self.experts > self.top_k:
            scores[:, -1] = -100
        if self.one_expert:
            scores[:, 0] = 100
        probs = scores.softmax(dim=1)
        experts = scores.topk(self.top_k, dim=1).indices
        made = Routing(experts, gates.cpu(), probs, probs.log(), **self._masks())
        return _moved(made, gates)

    def gates(self, dtype: torch.dtype, device: str) -> Tensor:
        """0 where a route does not run, as routers and capacities leave them."""
        gates = self._random(self.tokens, self.top_k).abs()
        running = self.routing(gates).running()
        return (gates if running is None else gates * running).to(device, dtype)

    def _masks(self) -> dict[str, Tensor]:
        shape = self.tokens, self.top_k
        if self.runs == "all":
            return {}
        if self.runs == "none":
            return {"kept": torch.zeros(shape, dtype=torch.bool)}
        kept, chosen = self._random(*shape) > -0.5, self._random(*shape[::-1]).T > -1
        return {"kept": kept, "chosen": chosen, "valid": torch.arange(self.tokens) != 1}

    def _random(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def weighted_sum(y: Tensor) -> Tensor:
    weight = torch.arange(1.0, y.numel() + 1, device=y.device).view(y.shape)
    return (y * (weight / max(1, y.numel())).to(y.dtype)).sum()


def outcome(
    dispatch: Dispatch,
    case: Case,
    dtype: torch.dtype,
    device: str,
    loss: Callable[[Tensor], Tensor] = weighted_sum,
    rounded_to: torch.dtype | None = None,
) -> dict[str, Tensor]:
    """The output and all gradients, in double precision on the CPU.

    Args:
        rounded_to: values are those that this precision has.
    """
    rounded = rounded_to or dtype
    bank = case.bank(rounded, device).to(dtype)
    x = case.x(rounded, device).to(dtype).requires_grad_()
    gates = case.gates(torch.promote_types(dtype, torch.float32), device).requires_grad_()
    y = dispatch(x, case.routing(gates), bank)
    loss(y).backward()
    found: dict[str, Any] = {"y": y.detach(), "x": x.grad, "gates": gates.grad}
    if gates.grad is None:  # the reference does not look at gates of routes that do not run
        found["gates"] = torch.zeros_like(gates)
    found |= {name: parameter.grad for name, parameter in bank.named_parameters()}
    return {name: value.double().cpu() for name, value in found.items()}


def check_agreement(
    dispatch: Dispatch,
    case: Case,
    dtype: torch.dtype,
    device: str,
    loss: Callable[[Tensor], Tensor] = weighted_sum,
) -> None:
    """Fails where the distance from the reference in double precision is above the tolerance."""
    ours = outcome(dispatch, case, dtype, device, loss)
    theirs = outcome(reference_dispatch, case, torch.double, "cpu", loss, rounded_to=dtype)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert ours[name].shape == value.shape, name
        distance, size = (ours[name] - value).norm(), value.norm()
        assert distance <= TOLERANCE[dtype] * size, f"{name}: {distance / size}"


def _moved(routing: Routing, gates: Tensor) -> Routing:
    """The routing on the device of the gates, with these very gates in it."""
    fields = {
        name: value.to(gates.device) if isinstance(value, Tensor) else value
        for name, value in vars(routing).items()
    }
    return Routing(**fields | {"gates": gates})

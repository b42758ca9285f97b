"""Optimizers of replicas: one for all that differ in learning rate alone, at every step."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.optim import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
)
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from triptych.errors import IncompatibleSettings
from triptych.replicas import Held

MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]
MakeSchedule = Callable[[Optimizer], LRScheduler | ReduceLROnPlateau]

BY_NUMBER = (Adadelta, Adagrad, Adam, AdamW, NAdam, RAdam, RMSprop, SGD)
"""Optimizers that treat each number by itself, and whose step is the learning rate times something
that does not depend on it."""


@final
class Rate:
    """The learning rate of one replica, from its own schedule on an optimizer that trains nothing.

    Args:
        make_optimizer: of the replica.
        make_schedule: of the replica.

    Raises:
        IncompatibleSettings: for an optimizer that looks at more than one number, or whose step is
            not in proportion to the learning rate.
    """

    def __init__(self, make_optimizer: MakeOptimizer, make_schedule: MakeSchedule) -> None:
        self.optimizer = _by_number(make_optimizer([nn.Parameter(torch.zeros(()))]))
        self.schedule = make_schedule(self.optimizer)
        self.optimizer.step()  # a schedule warns of one that does nothing

    @property
    def now(self) -> float:
        """For the next step."""
        return float(self.optimizer.param_groups[0]["lr"])


@final
class Learners:
    """Replicas that stand side by side and learn alike but for their learning rates.

    Args:
        parameters: of all replicas.
        replicas: the numbers of these.
        make_optimizer: of any of these.
        rates: of these, which refuse optimizers that cannot be shared.
    """

    def __init__(
        self,
        parameters: Sequence[Held],
        replicas: range,
        make_optimizer: MakeOptimizer,
        rates: Sequence[Rate],
    ) -> None:
        self.parameters = list(parameters)
        self.replicas, self.rates = replicas, list(rates)
        self.parts = [_part(item, replicas) for item in parameters]
        self.optimizer = make_optimizer(self.parts)

    def step(self) -> None:
        """One step of all, each by its own rate, with the gradients of the stacked parameters.

        Taken by the largest rate; then those with a smaller one go that share of the way.
        """
        self._take_gradients()
        rates = [rate.now for rate in self.rates]
        largest = max(rates)
        for group in self.optimizer.param_groups:
            group["lr"] = largest
        if min(rates) == largest:
            self.optimizer.step()
            return
        before = [part.detach().clone() for part in self.parts]
        self.optimizer.step()
        share = torch.tensor(rates, dtype=torch.double) / largest
        for old, part in zip(before, self.parts, strict=True):
            rows = part.detach().view(len(rates), -1)
            weight = share.to(rows.device, rows.dtype)[:, None]
            rows.copy_(torch.lerp(old.view(len(rates), -1), rows, weight))

    def _take_gradients(self) -> None:
        for item, part in zip(self.parameters, self.parts, strict=True):
            gradient = item.stacked.grad
            if part is not item.stacked and gradient is not None:
                own = gradient.view(len(item.owners), *part.shape[1:])
                part.grad = own[self.replicas.start : self.replicas.stop]


def _by_number(optimizer: Optimizer) -> Optimizer:
    if type(optimizer) not in BY_NUMBER:
        raise IncompatibleSettings(
            f"optimizer={type(optimizer).__name__} is not for replicas: take one of"
            f" {', '.join(kind.__name__ for kind in BY_NUMBER)}, or replicas=1"
        )
    return optimizer


def _part(item: Held, replicas: range) -> nn.Parameter:
    assert isinstance(item.stacked, nn.Parameter)
    if len(replicas) == len(item.owners):
        return item.stacked
    return nn.Parameter(item.parts()[replicas.start : replicas.stop])


@final
class Together(Optimizer):
    """The optimizers of all replicas, stepped as one.

    Args:
        parameters: of all replicas.
        each: who learns alike; all replicas, each once.
    """

    def __init__(self, parameters: Sequence[Held], each: Sequence[Learners]) -> None:
        self.each = list(each)
        super().__init__([item.stacked for item in parameters], {})

    def step(self, closure: Any = None) -> Any:
        """One step of each optimizer, with the gradients that the closure leaves."""
        with torch.enable_grad():
            loss = None if closure is None else closure()
        for group in self.each:
            group.step()
        return loss


@final
class ShareOfOptimizer:
    """What the optimizer of several replicas is to one of them.

    Args:
        parameters: of all replicas.
        group: that the replica learns in.
        replica: its number.
    """

    def __init__(self, parameters: Sequence[Held], group: Learners, replica: int) -> None:
        self.state = _State(parameters, group, replica)
        self._rate = group.rates[replica - group.replicas.start]

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """With the learning rate."""
        return self._rate.optimizer.param_groups


@final
class _State(Mapping[nn.Parameter, dict[str, Any]]):
    """By the replica's own parameters; tensors of their size are views."""

    def __init__(self, parameters: Sequence[Held], group: Learners, replica: int) -> None:
        self._states, self._among = group.optimizer.state, len(group.replicas)
        self._place = replica - group.replicas.start
        owners = (getattr(item.owners[replica], item.name) for item in parameters)
        self._parts = dict(zip(owners, group.parts, strict=True))

    def __getitem__(self, own: nn.Parameter) -> dict[str, Any]:
        return {name: self._own(v, own) for name, v in self._states[self._parts[own]].items()}

    def __iter__(self) -> Any:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def _own(self, value: Any, own: nn.Parameter) -> Any:
        if not isinstance(value, Tensor) or value.numel() != self._among * own.numel():
            return value
        return value.view(self._among, *own.shape)[self._place]


@torch.no_grad()
def clip_each(parameters: Sequence[Held], limits: Tensor) -> None:
    """Scales the gradient of each replica down to its limit, as `clip_grad_norm_` does for one.

    Args:
        limits: largest norms (R); infinite for none.
    """
    rows = [
        item.stacked.grad.view(len(item.owners), -1)
        for item in parameters
        if item.stacked.grad is not None
    ]
    norms = torch.stack([torch.linalg.vector_norm(row, dim=1) for row in rows])
    total = torch.linalg.vector_norm(norms, dim=0)
    factor = (limits / (total + 1e-6)).clamp(max=1.0)
    for row in rows:
        row.mul_(factor[:, None])

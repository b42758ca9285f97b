"""Optimizers of replicas: one for all that learn alike, so that few do the work of many."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from triptych.replicas import Held

MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]
MakeSchedule = Callable[[Optimizer], LRScheduler | ReduceLROnPlateau]


@final
@dataclass(frozen=True)
class Learners:
    """Replicas that stand side by side and learn by the same optimizer and the same schedule.

    Attributes:
        replicas: their numbers.
        optimizer: of their parts of all parameters.
        schedule: of its learning rate.
        parts: those parts, in the order of the parameters.
    """

    replicas: range
    optimizer: Optimizer
    schedule: LRScheduler | ReduceLROnPlateau
    parts: list[nn.Parameter]


def learners(
    parameters: Sequence[Held],
    replicas: range,
    make_optimizer: MakeOptimizer,
    make_schedule: MakeSchedule,
) -> Learners:
    """Those replicas' parts of the parameters with an optimizer of their own.

    It must treat each number by itself, as Adam and SGD do.
    """
    parts = [_part(item, replicas) for item in parameters]
    optimizer = make_optimizer(parts)
    return Learners(replicas, optimizer, make_schedule(optimizer), parts)


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
        each: who learns by what; all replicas, each once.
    """

    def __init__(self, parameters: Sequence[Held], each: Sequence[Learners]) -> None:
        self.parameters, self.each = list(parameters), list(each)
        super().__init__([item.stacked for item in parameters], {})

    def step(self, closure: Any = None) -> Any:
        """One step of each optimizer, with the gradients that the closure leaves."""
        with torch.enable_grad():
            loss = None if closure is None else closure()
        for group in self.each:
            self._hand_gradients(group)
            group.optimizer.step()
        return loss

    def _hand_gradients(self, group: Learners) -> None:
        for item, part in zip(self.parameters, group.parts, strict=True):
            gradient = item.stacked.grad
            if part is not item.stacked and gradient is not None:
                own = gradient.view(len(item.owners), *part.shape[1:])
                part.grad = own[group.replicas.start : group.replicas.stop]

    def state_dict(self) -> dict[str, Any]:
        """That of each optimizer."""
        return {"each": [group.optimizer.state_dict() for group in self.each]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Of the same replicas."""
        for group, state in zip(self.each, state_dict["each"], strict=True):
            group.optimizer.load_state_dict(state)


@final
class ShareOfOptimizer:
    """What the optimizer of several replicas is to one of them.

    Args:
        parameters: of all replicas.
        group: that the replica learns in.
        replica: its number.
    """

    def __init__(self, parameters: Sequence[Held], group: Learners, replica: int) -> None:
        self.optimizer = group.optimizer
        self.state = _State(parameters, group, replica)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """With the learning rate."""
        return self.optimizer.param_groups


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

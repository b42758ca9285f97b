"""Replicas whose steps are computed as one batched program."""

from collections.abc import Callable, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from triptych.moe import Routing
from triptych.replicas import Chances, StackedMasked, held, link, of_replica, stack
from triptych.training.lockstep.member import Member
from triptych.training.lockstep.optimizers import Learners, Rate, ShareOfOptimizer, clip_each
from triptych.training.module import Batch
from triptych.training.schedules import planned


@final
class Program(nn.Module):
    """The computation of all members: their networks are views of one stack.

    Args:
        members: those with the same optimizer side by side.
        alike: ranges of them that learn by the same optimizer, at any learning rates.
    """

    def __init__(self, members: Sequence[Member], alike: Sequence[range]) -> None:
        super().__init__()
        self.each, self.alike = tuple(members), tuple(alike)
        self.chances = Chances()
        self.stack = stack([member.module.network for member in members], self.chances)
        self.numbers = [item for item in held(self.stack) if item.stacked.requires_grad]
        self.learners: list[Learners] = []
        self._masked = [layer for layer in self.stack.modules() if isinstance(layer, StackedMasked)]
        limits = [member.clip or float("inf") for member in members]
        self._limits = torch.tensor(limits, dtype=torch.double)
        self._has_limits = any(member.clip for member in members)
        self._losses: list[Tensor] = []
        self._right: list[Tensor] = []

    def begin(self, steps: Callable[[], int]) -> None:
        """Makes the members' numbers views of the stack and makes the optimizers, when all is
        where it will stay and in the precision of the training.

        Args:
            steps: how many there will be.
        """
        like = self.numbers[0].stacked
        for member in self.each:
            member.module.to(like.device).network.to(like.dtype)  # sums of metrics stay double
        self._limits = self._limits.to(like)
        link(self.stack)
        for replicas in self.alike:
            modules = [self.each[r].module for r in replicas]
            rates = [Rate(module.make_optimizer, module.make_scheduler) for module in modules]
            for rate in rates:
                planned(rate.schedule, steps)
            group = Learners(self.numbers, replicas, modules[0].make_optimizer, rates)
            self.learners.append(group)
            for r in replicas:
                self.each[r].trainer.optimizers = [ShareOfOptimizer(self.numbers, group, r)]

    def start_epoch(self) -> None:
        """Forgets the notes, and seeds the random numbers of each replica."""
        self.forget()
        self.chances.states = []
        for member in self.each:
            member.module.on_train_epoch_start()
            self.chances.states.append(torch.get_rng_state())

    def forget(self) -> None:
        """Begins new notes."""
        self._losses.clear()
        self._right.clear()

    def loss(self, batch: Batch) -> Tensor:
        """The sum of the losses of a training batch: none is in the gradient of another."""
        x, y, family = batch
        for member in self.training_members():
            member.module.before_step(y.shape[1])
        logits, decisions = self.stack(x, family)
        flat = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none")
        losses = flat.view(y.shape).mean(dim=1)
        self._losses.append(losses.detach())
        self._right.append((logits.detach().argmax(dim=2) == y).sum(dim=1))
        total = losses.sum()
        for r, member in enumerate(self.each):
            if not member.trains:
                continue
            added = member.module.panel_loss(self._decisions_of(r, decisions))
            if added is not None:
                total = total + added
        return total

    def hand_gradients(self) -> None:
        """To the replicas' own layers, where a panel looks at them before the optimizer."""
        for layer in self._masked:
            layer.hand_gradients()
        if any(member.module.reads_gradients for member in self.each):
            for item in self.numbers:
                item.hand_gradient()
        for member in self.training_members():
            look: Any = member.module.on_before_optimizer_step  # None where there is nothing to do
            if look is not None:
                look(member.trainer.optimizers[0])

    def clip(self) -> None:
        """Each replica's gradient by its own norm."""
        if self._has_limits:
            clip_each(self.numbers, self._limits)

    def validate(self, batch: Batch) -> None:
        """Adds a batch to the means of each replica."""
        x, y, family = batch
        logits, decisions = self.stack(x, family)
        for r, member in enumerate(self.each):
            if member.trains:
                own = (x[r], y[r], family[r])
                member.module.note_validation(own, logits[r], self._decisions_of(r, decisions))

    def hand_notes(self, sizes: Sequence[int]) -> None:
        """To each replica, what was noted of its batches of these sizes; forgets it."""
        if sizes:
            losses, right = torch.stack(self._losses, dim=1), torch.stack(self._right, dim=1)
            for r, member in enumerate(self.each):
                member.module.notes.take(losses[r], right[r], sizes)
        self.forget()

    def training_members(self) -> list[Member]:
        """Those that have neither ended nor failed."""
        return [member for member in self.each if member.trains]

    def _decisions_of(self, r: int, decisions: dict[str, Routing]) -> dict[str, Routing]:
        return {name: of_replica(d, r, len(self.each)) for name, d in decisions.items()}

"""Many replicas of one net trained as one batched program."""

from collections.abc import Callable, Sequence
from typing import final

import lightning as L
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Optimizer

from triptych.errors import LayerCollapsed, TrainingDiverged
from triptych.moe import Routing
from triptych.replicas import Chances, StackedMasked, held, link, of_replica, stack
from triptych.training.lockstep.member import Member
from triptych.training.lockstep.optimizers import (
    Learners,
    Rate,
    ShareOfOptimizer,
    Together,
    clip_each,
)
from triptych.training.module import Batch
from triptych.training.schedules import planned, step_after_epoch, step_after_step


@final
class LockstepModule(L.LightningModule):
    """Trains R replicas, each as it would be trained alone: same numbers, same dropout, same
    order. The networks of the members become views of one stack.

    A replica that has ended or failed is computed on, because all are one program, but nothing of
    it is looked at any more.

    Args:
        members: the replicas; those with the same optimizer stand side by side.
        alike: ranges of them that learn by the same optimizer, at any learning rates.
    """

    def __init__(self, members: Sequence[Member], alike: Sequence[range]) -> None:
        super().__init__()
        self.each, self.alike = tuple(members), tuple(alike)
        self.chances = Chances()
        self.stack = stack([member.module.network for member in members], self.chances)
        self.numbers = [item for item in held(self.stack) if item.stacked.requires_grad]
        self._losses: list[Tensor] = []
        self._right: list[Tensor] = []
        self._sizes: list[int] = []
        self._learners: list[Learners] = []
        limits = [member.clip or float("inf") for member in members]
        self._limits = torch.tensor(limits, dtype=torch.double)
        self._has_limits = any(member.clip for member in members)

    @property
    def replicas(self) -> int:
        """R."""
        return len(self.each)

    def setup(self, stage: str) -> None:
        """Lets the members see the trainer."""
        for member in self.each:
            member.trainer.group = self.trainer
            member.module.setup(stage)

    def configure_optimizers(self) -> Optimizer:
        """One for each range of replicas that learn alike. The members' numbers are views from
        now on: Lightning has moved all to the device, and to the precision of the training. What
        members have for themselves follows."""
        like = self.numbers[0].stacked
        for member in self.each:
            member.module.to(like.device).network.to(like.dtype)  # sums of metrics stay double
        self._limits = self._limits.to(like)
        link(self.stack)
        for replicas in self.alike:
            modules = [self.each[r].module for r in replicas]
            rates = [Rate(module.make_optimizer, module.make_scheduler) for module in modules]
            for rate in rates:
                planned(rate.schedule, lambda: int(self.trainer.estimated_stepping_batches))
            group = Learners(self.numbers, replicas, modules[0].make_optimizer, rates)
            self._learners.append(group)
            for r in replicas:
                self.each[r].trainer.optimizers = [ShareOfOptimizer(self.numbers, group, r)]
        together = Together(self.numbers, self._learners)
        together.register_step_post_hook(lambda *_: self._after_step())
        return together

    def on_train_start(self) -> None:
        """Starts the clocks."""
        for member in self.each:
            member.meter.on_train_start(member.trainer, member.module)

    def on_train_epoch_start(self) -> None:
        """Seeds the random numbers of each replica."""
        self._forget()
        self.chances.states = []
        for member in self.each:
            member.module.on_train_epoch_start()
            self.chances.states.append(torch.get_rng_state())
            member.meter.on_train_epoch_start(member.trainer, member.module)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The sum of the losses of all replicas: none is in the gradient of another."""
        x, y, family = batch
        for member in self._training():
            member.module.before_step(y.shape[1])
        logits, decisions = self.stack(x, family)
        flat = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none")
        losses = flat.view(y.shape).mean(dim=1)
        self._losses.append(losses.detach())
        self._right.append((logits.detach().argmax(dim=2) == y).sum(dim=1))
        self._sizes.append(y.shape[1])
        total = losses.sum()
        for r, member in enumerate(self.each):
            if not member.trains:
                continue
            added = member.module.panel_loss(self._decisions_of(r, decisions))
            if added is not None:
                total = total + added
        return total

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Hands each replica its gradients, and lets it do what it does with them."""
        for layer in self.stack.modules():
            if isinstance(layer, StackedMasked):
                layer.hand_gradients()
        if any(member.module.reads_gradients for member in self.each):
            self._hand_gradients()
        for member in self._training():
            member.module.on_before_optimizer_step(member.trainer.optimizers[0])

    def _hand_gradients(self) -> None:
        for item in self.numbers:
            if item.stacked.grad is not None:
                parts = item.stacked.grad.view(item.parts().shape).unbind(0)
                for owner, part in zip(item.owners, parts, strict=True):
                    getattr(owner, item.name).grad = part

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """By the norm of each replica's gradient."""
        if self._has_limits:
            clip_each(self.numbers, self._limits)

    def _after_step(self) -> None:
        for rate in self._rates():
            step_after_step(rate.schedule)
        self._try_each(lambda m: m.module.after_step(m.trainer.optimizers[0]))

    def on_validation_start(self) -> None:
        """Stops the clocks."""
        for member in self.each:
            member.meter.on_validation_start(member.trainer, member.module)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Adds a batch to the means of each replica."""
        x, y, family = batch
        logits, decisions = self.stack(x, family)
        for r, member in enumerate(self.each):
            if member.trains:
                own = (x[r], y[r], family[r])
                member.module.note_validation(own, logits[r], self._decisions_of(r, decisions))

    def on_validation_epoch_end(self) -> None:
        """Hands each replica what was noted of its batches, and lets it log its means."""
        if self._sizes:
            losses, right = torch.stack(self._losses, dim=1), torch.stack(self._right, dim=1)
            for r, member in enumerate(self.each):
                member.module.notes.take(losses[r], right[r], self._sizes)
        self._forget()
        self._try_each(lambda member: member.end_validation())
        self._show_means()

    def on_validation_end(self) -> None:
        """Lets the clocks go on."""
        for member in self.each:
            member.meter.on_validation_end(member.trainer, member.module)

    def on_train_epoch_end(self) -> None:
        """The end of the epoch for each replica; the training ends with its last one."""
        self._try_each(lambda member: member.end_epoch())
        for member, rate in zip(self.each, self._rates(), strict=True):
            if member.trains:  # one that failed may never have been validated
                metrics = member.trainer.callback_metrics
                step_after_epoch(rate.schedule, lambda seen=metrics: float(seen["val/loss"]))
        self._show_means()
        if not self._training():
            self.trainer.should_stop = True

    def _show_means(self) -> None:
        """For who watches: the latest numbers, as means over replicas."""
        seen = [member.trainer.callback_metrics for member in self.each if not member.failure]
        for key in seen[0] if seen else ():
            values = [float(metrics[key]) for metrics in seen if key in metrics]
            self.trainer.callback_metrics[key] = torch.tensor(sum(values) / len(values))

    def _rates(self) -> list[Rate]:
        return [rate for group in self._learners for rate in group.rates]

    def _training(self) -> list[Member]:
        return [member for member in self.each if member.trains]

    def _try_each(self, act: Callable[[Member], None]) -> None:
        """An error of one replica is no error of the others."""
        for member in self._training():
            try:
                act(member)
            except (TrainingDiverged, LayerCollapsed) as error:
                member.failure = error

    def _decisions_of(self, r: int, decisions: dict[str, Routing]) -> dict[str, Routing]:
        return {name: of_replica(d, r, self.replicas) for name, d in decisions.items()}

    def _forget(self) -> None:
        for notes in (self._losses, self._right, self._sizes):
            notes.clear()

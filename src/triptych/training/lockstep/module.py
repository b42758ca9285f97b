"""Many replicas of one net trained together."""

from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import Tensor
from torch.optim import Optimizer

from triptych.errors import LayerCollapsed, TrainingDiverged
from triptych.training.lean import LeanModule
from triptych.training.lockstep.member import Member
from triptych.training.lockstep.optimizers import Rate, Together
from triptych.training.lockstep.program import Program
from triptych.training.module import Batch
from triptych.training.schedules import step_after_epoch, step_after_step


@final
class LockstepModule(LeanModule):
    """Trains R replicas, each as it would be trained alone: same numbers, same dropout, same
    order.

    A replica that has ended or failed is computed on, because all are one program, but nothing of
    it is looked at any more.

    Args:
        members: the replicas; those with the same optimizer stand side by side.
        alike: ranges of them that learn by the same optimizer, at any learning rates.
    """

    def __init__(self, members: Sequence[Member], alike: Sequence[range]) -> None:
        super().__init__()
        self.each = tuple(members)
        self.program = Program(members, alike)
        self._sizes: list[int] = []

    def setup(self, stage: str) -> None:
        """Lets the members see the trainer."""
        for member in self.each:
            member.trainer.group = self.trainer
            member.module.setup(stage)

    def configure_optimizers(self) -> Optimizer:
        """One for each range of replicas that learn alike. The members' numbers are views from
        now on: Lightning has moved all to the device, and to the precision of the training. What
        members have for themselves follows."""
        self.program.begin(lambda: int(self.trainer.estimated_stepping_batches))
        together = Together(self.program.numbers, self.program.learners)
        together.register_step_post_hook(lambda *_: self._after_step())
        return together

    def on_train_start(self) -> None:
        """Starts the clocks."""
        for member in self.each:
            member.meter.on_train_start(member.trainer, member.module)

    def on_train_epoch_start(self) -> None:
        """Seeds the random numbers of each replica."""
        self._sizes.clear()
        self.program.start_epoch()
        for member in self.each:
            member.meter.on_train_epoch_start(member.trainer, member.module)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The sum of the losses of all replicas."""
        self._sizes.append(batch[1].shape[1])
        return self.program.loss(batch)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Hands each replica its gradients, and lets it do what it does with them."""
        self.program.hand_gradients()

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """By the norm of each replica's gradient."""
        self.program.clip()

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
        self.program.validate(batch)

    def on_validation_epoch_end(self) -> None:
        """Hands each replica what was noted of its batches, and lets it log its means."""
        self.program.hand_notes(self._sizes)
        self._sizes.clear()
        self._try_each(Member.end_validation)
        self._show_means()

    def on_validation_end(self) -> None:
        """Lets the clocks go on."""
        for member in self.each:
            member.meter.on_validation_end(member.trainer, member.module)

    def on_train_epoch_end(self) -> None:
        """The end of the epoch for each replica; the training ends with its last one."""
        self._try_each(Member.end_epoch)
        for member, rate in zip(self.each, self._rates(), strict=True):
            if member.trains:  # one that failed may never have been validated
                metrics = member.trainer.callback_metrics
                step_after_epoch(rate.schedule, lambda seen=metrics: float(seen["val/loss"]))
        self._show_means()
        if not any(member.trains for member in self.each):
            self.trainer.should_stop = True

    def _show_means(self) -> None:
        """For who watches: the latest numbers, as means over replicas."""
        seen = [member.trainer.callback_metrics for member in self.each if not member.failure]
        for key in seen[0] if seen else ():
            values = [float(metrics[key]) for metrics in seen if key in metrics]
            self.trainer.callback_metrics[key] = torch.tensor(sum(values) / len(values))

    def _rates(self) -> list[Rate]:
        return [rate for group in self.program.learners for rate in group.rates]

    def _try_each(self, act: Callable[[Member], None]) -> None:
        """An error of one replica is no error of the others."""
        for member in self.each:
            if member.trains:
                try:
                    act(member)
                except (TrainingDiverged, LayerCollapsed) as error:
                    member.failure = error

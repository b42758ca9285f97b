"""The part of training that dense, sparse and MoE classifiers share."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from triptych.cost import Flops, Forecast, declared_cost, step_flops
from triptych.dropout import dropouts
from triptych.errors import TrainingDiverged
from triptych.metrics import ClassificationMetrics, LossAccuracy
from triptych.models import Classifier
from triptych.moe import Routing
from triptych.seeds import derive
from triptych.sparse import Remembers
from triptych.training.clipping import clip_on_cpu, has_no_way_of_its_own
from triptych.training.lean import LeanModule
from triptych.training.logged import hand_on
from triptych.training.partial_epoch import PartialEpoch
from triptych.training.schedules import scheduled, step_after_epoch, step_after_step
from triptych.training.step_notes import StepNotes
from triptych.types import Cost

Batch = tuple[Tensor, Tensor, Tensor]
"""Signals (B, D), classes (B), families (B)."""

CHECK_EVERY = 50  # steps between looks for a loss that is no number: each look waits for the device


class ClassifierModule(LeanModule, ABC):
    """Cross entropy, its optimizer and its metrics; a subclass adds what is special to a panel.

    Args:
        network: the classifier.
        optimizer: makes the optimizer from the parameters.
        scheduler: makes the learning rate schedule from the optimizer; it is stepped once per
            epoch, or once per step where it is a `WarmupCosine`.
        classes: names, C of them.
        families: names of the groups that accuracy is also given for.
        seed: of the run; dropout is seeded anew each epoch from it, so that a resumed run draws
            what an uninterrupted one would.
    """

    def __init__(
        self,
        network: Classifier,
        *,
        optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer],
        scheduler: Callable[[torch.optim.Optimizer], LRScheduler | ReduceLROnPlateau],
        classes: Sequence[str],
        families: Sequence[str],
        seed: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.make_optimizer, self.make_scheduler = optimizer, scheduler
        self.classes, self.families, self.seed = list(classes), list(families), seed
        self.train_mean, self.val_mean = LossAccuracy(), LossAccuracy()
        self.test_quality = ClassificationMetrics(len(self.classes), self.families)
        self.notes = StepNotes()
        self._tables: dict[str, Any] = {}

    @abstractmethod
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss to descend."""

    @abstractmethod
    def observe(self, split: str, decisions: dict[str, Routing], family: Tensor) -> None:
        """Takes note of what the panel did on an evaluation batch."""

    @abstractmethod
    def panel_scalars(self, split: str) -> dict[str, float]:
        """What is special to the panel after an evaluation, without the split in front."""

    @abstractmethod
    def panel_tables(self) -> dict[str, Any]:
        """Tables that are special to the panel, of the test split."""

    def epoch_tables(self) -> dict[str, Any]:
        """Of `panel_tables` those of the last validation that change over a training; none here."""
        return {}

    @abstractmethod
    def cost(self) -> Cost:
        """What one sample costs, with what was measured in the last evaluation."""

    def forecast(self) -> Forecast:
        """What net and training will cost, before the first step."""
        return Forecast(self.network)

    @property
    def settled(self) -> bool:
        """Whether the net is as large as it will be in the end. Before, it is no candidate for the
        best of the run: it would be compared as a net that it is not."""
        return True

    def begin(self, samples: Callable[[], tuple[Tensor, Tensor]]) -> None:
        """What a panel does to its network before a training: once, before there is a trainer, and
        before a checkpoint is loaded to resume from. Here nothing.

        Args:
            samples: the training split: signals (N, D) and classes (N). Equal on all ranks.
        """

    def rehearse(self, x: Tensor) -> None:
        """Goes through what a training step does with signals (B, D), without a trainer and for
        nothing: parts that cannot work together raise what they would raise in the first step."""
        self.network(x)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The given recipes."""
        optimizer = self.make_optimizer(self.parameters())
        schedule = self.make_scheduler(optimizer)
        return scheduled(optimizer, schedule, lambda: int(self.trainer.estimated_stepping_batches))

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """As Lightning does it; on a CPU, where looking costs nothing, small gradients are not
        multiplied by 1."""
        alone = self.device.type == "cpu" and self.trainer.world_size == 1
        by_norm = gradient_clip_algorithm in (None, "norm")
        plain = alone and by_norm and has_no_way_of_its_own(self.trainer.precision_plugin)
        if plain and gradient_clip_val:
            clip_on_cpu(optimizer, gradient_clip_val)
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def cross_entropy(self, batch: Batch) -> tuple[Tensor, dict[str, Routing]]:
        """Mean cross entropy of a training batch, noted for the epoch's mean, and the routing."""
        x, y, family = batch
        logits, decisions = self.network(x, family)
        loss = F.cross_entropy(logits, y)
        right = (logits.detach().argmax(dim=1) == y).sum()
        noted = self.notes.add(loss.detach(), right, len(y))
        if noted % CHECK_EVERY == 0:
            self.refuse_nan(noted - CHECK_EVERY)
        return loss, decisions

    def before_step(self, samples: int) -> None:
        """What a panel prepares before a training batch of so many samples goes through its
        network; here nothing."""

    @property
    def reads_gradients(self) -> bool:
        """Whether `on_before_optimizer_step` looks at the gradients of single parameters."""
        return False

    def after_step(self, optimizer: Remembers) -> None:
        """What a panel changes in its network after an optimizer step; here nothing. Whoever owns
        the optimizer calls it."""

    def panel_loss(self, decisions: dict[str, Routing]) -> Tensor | None:
        """What a panel adds to the cross entropy of a training batch that was routed so, noted for
        the epoch; None for nothing."""
        return None

    def on_train_epoch_start(self) -> None:
        """Seeds dropout from (seed, epoch, rank)."""
        self.notes.begin(self.global_step)
        self.seed_dropout(self.current_epoch, self.global_rank)

    def seed_dropout(self, *lot: int) -> None:
        """Seeds each dropout from (seed, lot, name), and torch's global generator, which other
        noise of training comes from, from (seed, lot)."""
        seed = derive(self.seed, "dropout", *lot)
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":  # without, `torch.manual_seed` keeps a stack for each call
            torch.cuda.manual_seed(seed)
        for name, dropout in dropouts(self.network).items():
            dropout.reseed(derive(self.seed, "dropout", *lot, name))

    def partial_epoch(self) -> PartialEpoch:
        """What a checkpoint must know of an epoch that is not over; panels add what they note."""
        return self.notes.partial_epoch()

    def go_on(self, part: PartialEpoch) -> None:
        """Takes that of a checkpoint for its own."""
        self.notes.go_on(part, self.trainer.strategy.root_device)

    def on_train_epoch_end(self) -> None:
        """Logs the epoch's means over all ranks."""
        self.refuse_nan(0)
        self.train_mean.update(*self.notes.sums())
        self.log_now("train", self.train_mean.compute())
        metrics = self.trainer.callback_metrics
        step_after_epoch(self.lr_schedulers(), lambda: float(metrics["val/loss"]))
        self.train_mean.reset()
        self.notes.begin(self.global_step)

    @property
    def samples_in_epoch(self) -> int:
        """Training samples since the epoch's start, over all ranks."""
        return sum(self.notes.sizes) * self.trainer.world_size

    def training_flops(self) -> Flops:
        """FLOPs of the training steps since the epoch's start, over all ranks."""
        return step_flops(self.cost()).times(self.samples_in_epoch)

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """After a step that of a schedule by steps; `on_train_epoch_end` steps the others.

        Lightning steps a plateau schedule only after checkpoints are written, so a resumed run
        would miss one step.
        """
        step_after_step(scheduler)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Adds a batch to the validation means."""
        x, _, family = batch
        self.note_validation(batch, *self.network(x, family))

    def note_validation(self, batch: Batch, logits: Tensor, decisions: dict[str, Routing]) -> None:
        """Adds what the network answered to a validation batch."""
        loss, right = self._judged("val", batch, logits, decisions)
        self.val_mean.update(loss, right, len(logits))

    def on_validation_epoch_end(self) -> None:
        """Logs validation means and what is special to the panel."""
        self.refuse_nan(0)  # before the validation loss, because it names the very step
        means = self.val_mean.compute()
        self.val_mean.reset()
        if not math.isfinite(means["loss"]):  # the last step of an epoch shows only here
            raise TrainingDiverged(
                f"val/loss is not a finite number after step {self.global_step - 1}"
                f" (epoch {self.current_epoch}): lower model.lr or model.clip"
            )
        self.log_now("val", means | self.panel_scalars("val"))

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Adds a batch to the test metrics."""
        x, y, family = batch
        logits, decisions = self.network(x, family)
        loss, _ = self._judged("test", batch, logits, decisions)
        self.test_quality.update(logits, y, family, loss)

    def on_test_epoch_start(self) -> None:
        """Forgets an earlier test."""
        self.test_quality.reset()

    def on_test_epoch_end(self) -> None:
        """Logs everything about the test split."""
        self.log_now("test", self.test_quality.scalars() | self.panel_scalars("test"))
        # Now, as Lightning moves the metrics to the CPU after a test, where NCCL gathers nothing.
        self._tables = self.test_quality.tables() | self.panel_tables()

    def tables(self) -> dict[str, Any]:
        """Tables of the last test, as plain lists."""
        return {"classes": self.classes, "families": self.families} | self._tables

    def log_now(self, split: str, values: Mapping[str, float]) -> None:
        """`log_exactly`, under `split/`."""
        self.log_exactly({f"{split}/{key}": value for key, value in values.items()})

    def log_exactly(self, values: Mapping[str, float]) -> None:
        """Logs numbers in double precision for the epoch or the test that ends: the means over
        ranks, which also makes sure that those who monitor them cannot disagree."""
        if not values:
            return
        # On the device, because NCCL cannot reduce what is not.
        numbers = torch.tensor([*values.values()], dtype=torch.double, device=self.device)
        if self.trainer.state.fn != TrainerFn.FITTING:
            # So that `Trainer.test` and `Trainer.validate` return them.
            self.log_dict(dict(zip(values, numbers.unbind(), strict=True)), sync_dist=True)
            return
        means = self.trainer.strategy.reduce(numbers, reduce_op="mean")
        hand_on(self.trainer, dict(zip(values, means.cpu().unbind(), strict=True)))

    def total_cost(self, shares: dict[str, list[float]]) -> Cost:
        """The declared cost of the network with measured shares per expert, by layer."""
        return declared_cost(self.network, {f"blocks.{k}": v for k, v in shares.items()})

    def refuse_nan(self, since: int) -> None:
        """Raises `TrainingDiverged` on all ranks if a loss is no number on one of them, in the
        batches of this epoch from number `since` on. A collective."""
        batch = self.notes.first_bad(since, self.trainer.strategy)
        if batch is not None:
            step = self.notes.first_step + batch // self.trainer.accumulate_grad_batches
            raise TrainingDiverged(
                f"the training loss is not a finite number at step {step}"
                f" (epoch {self.current_epoch}): lower model.lr or model.clip"
            )

    def _judged(
        self, split: str, batch: Batch, logits: Tensor, decisions: dict[str, Routing]
    ) -> tuple[Tensor, Tensor]:
        _, y, family = batch
        self.observe(split, decisions, family)
        loss = F.cross_entropy(logits, y, reduction="sum")
        return loss, (logits.argmax(dim=1) == y).sum()

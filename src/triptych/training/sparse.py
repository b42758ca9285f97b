"""The sparse classifier: cross entropy, masks that may move, and the density they really have."""

import copy
from collections.abc import Callable
from typing import Any, final

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from triptych.cost import Flops, Forecast
from triptych.models import Classifier
from triptych.moe import Routing
from triptych.seeds import derive
from triptych.sparse import (
    Fresh,
    LatentRule,
    Remembers,
    Rule,
    SparseLinear,
    Start,
    Static,
    View,
    follow,
    move,
    sparse_layers,
)
from triptych.training.averages import averages
from triptych.training.module import Batch, ClassifierModule
from triptych.training.partial_epoch import PartialEpoch
from triptych.training.scaling import check_scaling, loss_scale
from triptych.training.sparse_checks import check_latent, check_start, refuse_difference, seen
from triptych.training.sparse_speed import told_speeds
from triptych.training.sparse_watch import SparseWatch
from triptych.types import Cost

HISTORY = "mask_history"  # in checkpoints
STEPS = "optimizer_steps"  # in checkpoints: those that really took place


@final
class SparseModule(ClassifierModule):
    """Trains a network with sparse layers; their number of weights is exact by construction.

    Args:
        rule: makes what changes masks, after optimizer steps.
        fresh: what the optimizer is to remember of weights that are new.
        sparsity: that was asked for, to stand beside the one that was reached.
        start: makes what chooses the first masks from the network and samples; None where they
            are those that the network was built with.
        shared: what every `ClassifierModule` takes.
    """

    def __init__(
        self,
        *,
        rule: Callable[[], Rule],
        fresh: Fresh,
        sparsity: float,
        start: Callable[[], Start] | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.rule, self.fresh = rule(), fresh
        self.start = None if start is None else start()
        moving = not isinstance(self.rule, Static)
        self.watch = SparseWatch(self.network, sparsity, moving=moving)
        self._steps = 0
        self._speeds: dict[str, float | None] = {}

    def setup(self, stage: str) -> None:
        """Counts anew, and refuses averages that cannot follow the masks."""
        if stage == "fit":
            self._steps = 0
            averages(self.trainer)

    def on_fit_start(self) -> None:
        """Says what executes each kind of layer, and how fast; before any clock runs."""
        self._speeds = told_speeds(self.network, self.trainer)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Cross entropy."""
        self.before_step(len(batch[1]))
        return self.cross_entropy(batch)[0]

    def before_step(self, samples: int) -> None:
        """Collects the gradient of all places if masks are to change after this step."""
        for layer in self.sparse_layers().values():
            if not (self.rule.needs_gradient and self._is_due()):
                layer.probe = None
            elif layer.probe is None:
                layer.start_probe()
        self.watch.step(samples)

    def begin(self, samples: Callable[[], tuple[Tensor, Tensor]]) -> None:
        """Lets the start choose the masks."""
        if self.start is not None:
            self.start.check()  # not in `rehearse`: a trained net does without what it began from
            self.start.begin(_Logits(self.network), *samples())

    def rehearse(self, x: Tensor) -> None:
        """One change of a copy's masks: a kernel that cannot take it says so now."""
        self.watch.refuse_empty()
        super().rehearse(x)
        if self.start is not None:
            check_start(self.rule)
            self.start.rehearse(self.network)
        check_latent(self.rule, self.sparse_layers().values())
        layers = copy.deepcopy(list(self.sparse_layers().values()))
        lots = torch.Generator().manual_seed(0)
        views = [
            View(seen(layer), layer.mask, torch.rand(layer.shape, generator=lots), lots)
            for layer in layers
        ]
        for layer, new in zip(layers, self.rule.update(views, 0.5), strict=True):
            if not torch.equal(new, layer.mask):
                layer.place(new)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The given recipes; masks change after steps that really took place."""
        recipes: Any = super().configure_optimizers()
        optimizer: torch.optim.Optimizer = recipes["optimizer"]
        check_scaling(self.trainer, optimizer)
        optimizer.register_step_post_hook(lambda stepped, *_: self.after_step(stepped))
        return recipes

    def on_train_epoch_start(self) -> None:
        """Counts FLOPs anew."""
        super().on_train_epoch_start()
        self.watch.start_epoch()

    @property
    def reads_gradients(self) -> bool:
        """If the rule adds to them."""
        return isinstance(self.rule, LatentRule)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Adds the rule's own term to gradients that are those of all ranks and micro-batches."""
        if isinstance(self.rule, LatentRule):
            for layer in self.sparse_layers().values():
                weight = layer.weights
                if weight.grad is not None:
                    weight.grad += self.rule.pull(weight.detach(), layer.mask)

    def optimizer_zero_grad(
        self, epoch: int, batch_idx: int, optimizer: torch.optim.Optimizer
    ) -> None:
        """Also of places without a weight: a scaler may have left out the step they were for."""
        super().optimizer_zero_grad(epoch, batch_idx, optimizer)
        for layer in self.sparse_layers().values():
            if layer.probe is not None:
                layer.probe.grad = None

    def on_train_epoch_end(self) -> None:
        """Logs the epoch's means, and what its updates did to the masks."""
        super().on_train_epoch_end()
        self.log_exactly(self.watch.epoch_scalars())

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds how many steps took place, and what masks did so far."""
        checkpoint[STEPS] = self._steps
        checkpoint[HISTORY] = self.watch.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Goes on from there."""
        self._steps = checkpoint.get(STEPS, checkpoint["global_step"])
        self.watch.load_state_dict(checkpoint.get(HISTORY, {}))

    def partial_epoch(self) -> PartialEpoch:
        """Also what its steps and updates cost."""
        part = super().partial_epoch()
        flops, seconds = self.watch.costs()
        part.sums["flops"], part.own["update_seconds"] = flops, seconds
        return part

    def go_on(self, part: PartialEpoch) -> None:
        """Takes that of a checkpoint for its own."""
        super().go_on(part)
        self.watch.go_on(part.sums["flops"], part.own.get("update_seconds"))

    def training_flops(self) -> Flops:
        """Step by step: of the masks and the probes that each step had."""
        return self.watch.flops().times(self.trainer.world_size)

    def observe(self, split: str, decisions: dict[str, Routing], family: Tensor) -> None:
        """Nothing to note: density is a property of the weights."""

    def panel_scalars(self, split: str) -> dict[str, float]:
        """Density of each sparse layer, of all of them together, and of the whole net."""
        return self.watch.scalars()

    def panel_tables(self) -> dict[str, Any]:
        """Of each sparse layer density, connections, the kernel that executes it, and its speed
        at the start of the training as a share of a dense layer's (None: not measured)."""
        rows = self.watch.table()
        return {"density": [row | {"speed": self._speeds.get(row["layer"])} for row in rows]}

    def cost(self) -> Cost:
        """The non-zeros and the dense rest, for every sample."""
        return self.total_cost({})

    def forecast(self) -> Forecast:
        """With the masks that start and rule will choose."""
        return Forecast(self.network, self.rule, self.start)

    @property
    def settled(self) -> bool:
        """Once a rule that prunes has reached its sparsity."""
        return self.rule.settled(self._steps, int(self.trainer.estimated_stepping_batches))

    def sparse_layers(self) -> dict[str, SparseLinear]:
        """By name."""
        return sparse_layers(self.network)

    def _is_due(self) -> bool:
        steps = int(self.trainer.estimated_stepping_batches)
        return self.rule.due(self._steps + 1, steps)

    def after_step(self, optimizer: Remembers) -> None:
        """Changes the masks if it is time; once after every optimizer step."""
        due = self._is_due()
        self._steps += 1
        if due:
            with self.watch.update():
                self._change_masks(optimizer)

    def _change_masks(self, optimizer: Remembers) -> None:
        step = self._steps
        progress = self.rule.progress(step, int(self.trainer.estimated_stepping_batches))
        layers = self.sparse_layers()
        views = [self._view(name, layer, step) for name, layer in layers.items()]
        masks = self.rule.update(views, progress)
        refuse_difference(masks, step, self.trainer.strategy)
        for layer, view, new in zip(layers.values(), views, masks, strict=True):
            move(layer, new, optimizer, self.fresh, view.gradient)
        for average in averages(self.trainer):
            follow(average, self)
        self.watch.refuse_collapse(step)

    def _view(self, name: str, layer: SparseLinear, step: int) -> View:
        gradient = None
        if self.rule.needs_gradient:
            # The mean over ranks before any absolute value: means of those are not the same.
            scaled = self.trainer.strategy.reduce(layer.take_probe(), reduce_op="mean")
            gradient = scaled / loss_scale(self.trainer)
        generator = torch.Generator().manual_seed(derive(self.seed, "rule", name, step))
        return View(seen(layer), layer.mask.clone(), gradient, generator)


@final
class _Logits(nn.Module):
    """A classifier without its routing."""

    def __init__(self, network: Classifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> (B, C)."""
        return self.network(x)[0]

"""The sparse classifier: cross entropy, masks that may move, and the density they really have."""

import copy
import sys
from collections.abc import Callable
from typing import Any, final

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from triptych.data import ClassificationData
from triptych.metrics import labelled_layers, layer_densities
from triptych.models import Classifier
from triptych.moe import Routing
from triptych.seeds import derive
from triptych.sparse import (
    ChoosingLinear,
    Fresh,
    LatentRule,
    Rule,
    SparseLinear,
    Start,
    View,
    follow,
    measured_speeds,
    move,
    sparse_layers,
)
from triptych.training.averages import averages
from triptych.training.mask_checks import check_latent, refuse_collapse, refuse_difference
from triptych.training.module import Batch, ClassifierModule
from triptych.training.scaling import check_scaling, loss_scale
from triptych.types import Cost

STEPS = "optimizer_steps"
"""In checkpoints: the steps that really took place."""


@final
class SparseModule(ClassifierModule):
    """Trains a network with sparse layers; their number of weights is exact by construction.

    Args:
        rule: makes what changes masks, after optimizer steps.
        fresh: what the optimizer is to remember of weights that are new.
        start: makes what chooses the first masks from the network and samples; None where they
            are those that the network was built with.
        shared: what every `ClassifierModule` takes.
    """

    def __init__(
        self,
        *,
        rule: Callable[[], Rule],
        fresh: Fresh,
        start: Callable[[], Start] | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.rule, self.fresh = rule(), fresh
        self.start = None if start is None else start()
        self._moved: list[tuple[int, int]] = []
        self._steps = 0
        self._speeds: dict[str, float | None] = {}

    def setup(self, stage: str) -> None:
        """Counts anew, and refuses averages that cannot follow the masks."""
        if stage == "fit":
            self._steps = 0
            averages(self.trainer)

    def on_fit_start(self) -> None:
        """Says what executes each kind of layer, and how fast; before any clock runs."""
        data = self.trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        if not isinstance(data, ClassificationData):
            return
        rows = max(data.batch_size // self.trainer.world_size, 1)
        layers = labelled_layers(self.network)
        with self.trainer.precision_plugin.forward_context():
            speeds = measured_speeds(layers, rows)
        for layer in layers.values():
            if isinstance(layer, ChoosingLinear):  # by the clock of one rank, for all of them
                layer.chosen = self.trainer.strategy.broadcast(layer.chosen)
        self._speeds = {name: speed.ratio for speed in speeds for name in speed.layers}
        if self.trainer.is_global_zero:
            for speed in speeds:
                print(speed.line(), file=sys.stderr)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Cross entropy."""
        for layer in self.sparse_layers().values():
            if not (self.rule.needs_gradient and self._is_due()):
                layer.probe = None
            elif layer.probe is None:
                layer.start_probe()
        return self.cross_entropy(batch)[0]

    def begin(self, samples: Callable[[], tuple[Tensor, Tensor]]) -> None:
        """Lets the start choose the masks."""
        if self.start is not None:
            self.start.begin(_Logits(self.network), *samples())

    def rehearse(self, x: Tensor) -> None:
        """One change of a copy's masks: a kernel that cannot take it says so now."""
        super().rehearse(x)
        if self.start is not None:
            self.start.rehearse(self.network)
        check_latent(self.rule, self.sparse_layers().values())
        layers = copy.deepcopy(list(self.sparse_layers().values()))
        lots = torch.Generator().manual_seed(0)
        views = [
            View(_seen(layer), layer.mask, torch.rand(layer.shape, generator=lots), lots)
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
        optimizer.register_step_post_hook(lambda stepped, *_: self._change_masks(stepped))
        return recipes

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

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """How many steps took place."""
        checkpoint[STEPS] = self._steps

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Goes on counting."""
        self._steps = checkpoint.get(STEPS, checkpoint["global_step"])

    def on_train_epoch_end(self) -> None:
        """Logs the epoch's means, and the share of weights that its updates moved."""
        super().on_train_epoch_end()
        if self._moved:
            moved, weights = (sum(part) for part in zip(*self._moved, strict=True))
            self.log_exactly({"train/sparse/churn": moved / max(weights, 1)})
        self._moved.clear()

    def observe(self, split: str, decisions: dict[str, Routing], family: Tensor) -> None:
        """Nothing to note: density is a property of the weights."""

    def panel_scalars(self, split: str) -> dict[str, float]:
        """Density of each sparse layer and of all of them together."""
        layers = layer_densities(self.network)
        alone = {f"density/{row['layer']}": float(row["density"]) for row in layers}
        nonzeros, size = (sum(int(row[k]) for row in layers) for k in ("nonzeros", "size"))
        return alone | {"density": nonzeros / size}

    def panel_tables(self) -> dict[str, Any]:
        """Of each sparse layer density, non-zeros, size, the kernel that executes it, and its
        speed at the start of the training as a share of a dense layer's (None: not measured)."""
        layers = labelled_layers(self.network)
        rows = layer_densities(self.network)
        for row in rows:
            label = str(row["layer"])
            row |= {"kernel": layers[label].executes, "speed": self._speeds.get(label)}
        return {"density": rows}

    def cost(self) -> Cost:
        """The non-zeros and the dense rest, for every sample."""
        return self.total_cost({})

    def sparse_layers(self) -> dict[str, SparseLinear]:
        """By name."""
        return sparse_layers(self.network)

    def _is_due(self) -> bool:
        steps = int(self.trainer.estimated_stepping_batches)
        return self.rule.due(self._steps + 1, steps)

    def _change_masks(self, optimizer: torch.optim.Optimizer) -> None:
        due, step = self._is_due(), self._steps + 1
        self._steps = step
        if not due:
            return
        progress = self.rule.progress(step, int(self.trainer.estimated_stepping_batches))
        layers = self.sparse_layers()
        views = [self._view(name, layer, step) for name, layer in layers.items()]
        masks = self.rule.update(views, progress)
        refuse_difference(self.trainer, masks, step)
        for layer, view, new in zip(layers.values(), views, masks, strict=True):
            move(layer, new, optimizer, self.fresh, view.gradient)
            self._moved.append((int((view.mask & ~new).sum()), int(view.mask.sum())))
        for average in averages(self.trainer):
            follow(average, self)
        refuse_collapse(self.network, step)

    def _view(self, name: str, layer: SparseLinear, step: int) -> View:
        gradient = None
        if self.rule.needs_gradient:
            # The mean over ranks before any absolute value: means of those are not the same.
            scaled = self.trainer.strategy.reduce(layer.take_probe(), reduce_op="mean")
            gradient = scaled / loss_scale(self.trainer)
        generator = torch.Generator().manual_seed(derive(self.seed, "rule", name, step))
        return View(_seen(layer), layer.mask.clone(), gradient, generator)


def _seen(layer: SparseLinear) -> Tensor:
    return layer.weights.detach().clone() if layer.latent else layer.matrix()


@final
class _Logits(nn.Module):
    """A classifier without its routing."""

    def __init__(self, network: Classifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> (B, C)."""
        return self.network(x)[0]

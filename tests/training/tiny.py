"""Short trainings of the real modules on little data, on the CPU."""

from collections.abc import Iterable
from typing import Any, final

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from triptych.data import ClassificationData
from triptych.models import Classifier
from triptych.moe import Routing
from triptych.run.build import build_data, build_module
from triptych.training import ClassifierModule, FFNModule

from ..composed import composed

# 7 batches an epoch, the last of 8.
SMALL = ("data.n_train=104", "data.n_val=48", "data.n_test=40", "data.batch_size=16")
BATCHES, SAMPLES = 7, 104


def pair(*overrides: str) -> tuple[ClassifierModule, ClassificationData]:
    config = composed(*SMALL, *overrides)
    data = build_data(config)
    return build_module(config, data), data


def trainer(callbacks: Iterable[Callback] = (), **settings: Any) -> Trainer:
    plain = {
        "accelerator": "cpu",
        "devices": 1,
        "max_epochs": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "use_distributed_sampler": False,
    }
    return Trainer(callbacks=list(callbacks), **{**plain, **settings})


def fit(*overrides: str, **settings: Any) -> tuple[ClassifierModule, ClassificationData, Trainer]:
    module, data = pair(*overrides)
    runner = trainer(**settings)
    runner.fit(module, data)
    return module, data, runner


@final
class Fixed(Classifier):
    """Always says the same; no number at all in its training step number `breaks`."""

    def __init__(self, breaks: int | None = None) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.zeros(()))
        self.breaks, self.steps = breaks, 0

    def forward(self, x: Tensor, family: Tensor | None = None) -> tuple[Tensor, dict[str, Routing]]:
        logits = torch.zeros(len(x), 4) + 0 * self.level
        if self.training:
            if self.steps == self.breaks:
                logits = logits * float("nan")
            self.steps += 1
        return logits, {}


def around(network: Classifier, like: ClassifierModule, **recipes: Any) -> FFNModule:
    """A module with another network, and otherwise like `like`."""
    return FFNModule(
        network=network,
        optimizer=recipes.get("optimizer", like.make_optimizer),
        scheduler=recipes.get("scheduler", like.make_scheduler),
        classes=like.classes,
        families=like.families,
        seed=like.seed,
    )


@final
class Diary(Callback):
    """Writes down, for each epoch, the learning rate, the seed of dropout and what was logged."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.seeds: list[int] = []
        self.logged: list[dict[str, float]] = []

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx == 0:
            self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])
            self.seeds.append(torch.initial_seed())

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch > 0:
            self._note(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._note(trainer)

    def _note(self, trainer: Trainer) -> None:
        self.logged.append({k: float(v) for k, v in trainer.callback_metrics.items()})


@final
class Batches(Callback):
    """Keeps the training batches, in the precision in which they came."""

    def __init__(self) -> None:
        self.seen: list[tuple[Tensor, Tensor]] = []

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.seen.append((batch[0], batch[1]))

"""The same runs trained one by one and in lockstep, in double precision, and what came of each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import torch
from lightning.pytorch.loggers import Logger
from torch import Tensor

from triptych.data import InMemoryData
from triptych.errors import LayerCollapsed, TrainingDiverged
from triptych.moe import Routing
from triptych.run.build import build_data, build_module
from triptych.training import (
    BestCheckpoint,
    ClassifierModule,
    EarlyEnd,
    LockstepData,
    LockstepModule,
    Member,
    Meter,
    Patience,
)

from ...composed import composed
from ..tiny import BATCHES, SMALL, trainer

EPOCHS = 8  # of 7 batches
CLOCK = ("time/",)
TINY = ("model.backbone.build.d_model=8", "model.d_hidden=8", *SMALL)


@final
class Notes(Logger):
    """Keeps all numbers that it is handed, but those of the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int | None, dict[str, float]]] = []

    @property
    def name(self) -> str:
        return "notes"

    @property
    def version(self) -> int:
        return 0

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """No settings."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        told = {k: v for k, v in metrics.items() if not k.startswith(CLOCK)}
        self.rows.append((step, told))


@final
@dataclass
class Run:
    """Settings, and what is built from them anew for each training.

    Args:
        overrides: of the configuration.
        clip: largest norm of the gradient.
        patience: in epochs; None for none.
        epochs: the same for all that train together.
    """

    overrides: tuple[str, ...]
    clip: float | None = 0.3
    patience: int | None = None
    epochs: int = EPOCHS
    config: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.config = composed(*TINY, f"trainer.max_epochs={self.epochs}", *self.overrides)

    @property
    def learning(self) -> str:
        rest = {k: v for k, v in self.config["optimizer"].items() if k != "lr"}
        return json.dumps(rest, sort_keys=True, default=str)

    def built(self) -> tuple[ClassifierModule, InMemoryData]:
        data = build_data(self.config)
        assert isinstance(data, InMemoryData)
        data.setup("fit")
        return build_module(self.config, data), data

    def ends(self) -> list[EarlyEnd]:
        if self.patience is None:
            return []
        return [Patience(self.patience, 0.0, "val/acc", "max")]


@final
@dataclass
class Outcome:
    """What a training leaves.

    Attributes:
        state: of the module, after the last step.
        best: state, epoch and step of the best epoch.
        rows: what was logged, with its step.
        routing: of a validation batch, by layer.
        failure: what ended it, in words.
        reasons: of rules that ended it early.
    """

    state: dict[str, Tensor]
    best: dict[str, Any]
    rows: list[tuple[int | None, dict[str, float]]]
    routing: dict[str, Routing]
    failure: str
    reasons: list[str]


def kept_best(folder: Path) -> BestCheckpoint:
    return BestCheckpoint(str(folder), "val/acc", "max")


def alone(run: Run, folder: Path) -> Outcome:
    """By a trainer of its own."""
    module, data = run.built()
    notes, ends, failure = Notes(), run.ends(), ""
    runner = trainer(
        [kept_best(folder), Meter(), *ends],
        max_epochs=run.epochs,
        precision="64-true",
        gradient_clip_val=run.clip,
        logger=[notes],
        log_every_n_steps=BATCHES,
        enable_checkpointing=True,
    )
    try:
        runner.fit(module, data)
    except (TrainingDiverged, LayerCollapsed) as error:
        failure = str(error)
    file = folder / "best.ckpt"
    best = torch.load(file, weights_only=False) if file.exists() else {}
    reasons = [end.reason for end in ends if end.reason]
    state = {k: v.clone() for k, v in module.state_dict().items()}
    return Outcome(state, best, notes.rows, routed(module, data), failure, reasons)


def together(runs: Sequence[Run], folder: Path) -> list[Outcome]:
    """As one program."""
    each = [run.built() for run in runs]
    logs = [Notes() for _ in runs]
    parts = zip(runs, each, logs, strict=True)
    members = [
        Member(module, data, [notes], kept_best(folder), run.ends(), run.clip, Meter(1 / len(runs)))
        for run, (module, data), notes in parts
    ]
    runner = trainer(max_epochs=runs[0].epochs, precision="64-true")
    module = LockstepModule(members, alike(runs))
    runner.fit(module, LockstepData([data for _, data in each]))
    return [
        Outcome(
            {k: v.clone() for k, v in module.state_dict().items()},
            member.best_state,
            notes.rows,
            routed(module, data),
            "" if member.failure is None else str(member.failure),
            [end.reason for end in member.early_ends if end.reason],
        )
        for member, (module, data), notes in zip(members, each, logs, strict=True)
    ]


def alike(runs: Sequence[Run]) -> list[range]:
    """Neighbours with the same optimizer but for its rate."""
    found: list[range] = []
    for r, run in enumerate(runs):
        begins = r == 0 or runs[r - 1].learning != run.learning
        found.append(range(r if begins else found.pop().start, r + 1))
    return found


def routed(module: ClassifierModule, data: InMemoryData) -> dict[str, Routing]:
    x, _, family = data.splits.val
    with torch.no_grad():
        return module.eval().network(x.to(next(module.parameters()).dtype), family)[1]


def equal(found: Outcome, expected: Outcome) -> None:
    """To 1e-8; masks and choices of experts exactly."""
    assert found.failure == expected.failure
    assert found.reasons == expected.reasons
    assert len(found.rows) == len(expected.rows)
    for (step, row), (wanted_step, wanted) in zip(found.rows, expected.rows, strict=True):
        assert step == wanted_step
        assert row.keys() == wanted.keys()
        for key, value in row.items():
            close(value, wanted[key], f"{key} at step {step}")
    assert bool(found.best) == bool(expected.best)
    if found.best:
        assert found.best["epoch"] == expected.best["epoch"]
        assert found.best["global_step"] == expected.best["global_step"]
        same_state(found.best["state_dict"], expected.best["state_dict"])
    if not (expected.reasons or expected.failure):  # else it was computed on
        same_state(found.state, expected.state)
        for layer, routing in expected.routing.items():
            assert torch.equal(found.routing[layer].experts, routing.experts), layer


def same_state(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype, name
        if value.is_floating_point():
            close(found[name], value, name)
        else:
            assert torch.equal(found[name], value), name


def close(found: Any, expected: Any, what: str) -> None:
    torch.testing.assert_close(
        found, expected, rtol=1e-8, atol=1e-8, equal_nan=True, msg=lambda text: f"{what}: {text}"
    )

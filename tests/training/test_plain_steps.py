"""A step without Lightning's layers does what a step with them does."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loops.optimization.automatic import _AutomaticOptimization

from triptych.training import EMA, BalancePressure, step_plainly
from triptych.training.idle import HOOKS

from ..alike import same
from .tiny import Diary, pair, trainer

RIGL = ("model=sparse", "model/rule=rigl", "model/kernel=csr", "model.rule.every=2")
BIAS = ("model=moe", "model/router=bias_topk", "model.z_coef=0.01")
PANELS = {"ffn": ("model=ffn",), "rigl": RIGL, "bias": BIAS}


class Witness(Callback):
    """Writes down each hook of a step, and what it is told."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        for hook in HOOKS:
            setattr(self, hook, self._noting(hook))

    def _noting(self, hook: str) -> Any:
        def note(trainer: Trainer, module: LightningModule, *told: Any) -> None:
            kinds = [
                float(x.detach())
                if isinstance(x, torch.Tensor) and x.ndim == 0
                else type(x).__name__
                for x in told
            ]
            gradients = [p.grad is not None for p in module.network.parameters()]  # pyright: ignore
            self.seen.append((hook, kinds, trainer.global_step, gradients))

        return note


def learn(folder: Path, panel: str, plainly: bool, **settings: Any) -> tuple[Any, ...]:
    module, data = pair(*PANELS[panel], "trainer.max_epochs=2")
    diary, witness = Diary(), Witness()
    last = ModelCheckpoint(folder, "last", save_on_train_epoch_end=True)
    settings = {"max_epochs": 2, "gradient_clip_val": 0.5, "enable_checkpointing": True, **settings}
    runner = trainer([EMA(0.9), BalancePressure(), diary, witness, last], **settings)
    if plainly:
        step_plainly(runner)
    runner.fit(module, data)
    saved = torch.load(folder / "last.ckpt", weights_only=True)
    del saved["callbacks"]  # hold the names of folders
    return saved, diary.logged, witness.seen


def _without_times(logged: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{k: v for k, v in epoch.items() if not k.startswith("time/")} for epoch in logged]


@pytest.mark.parametrize("panel", PANELS)
def test_weights_checkpoints_and_hooks_are_the_same(panel: str, tmp_path: Path) -> None:
    theirs, ours = (learn(tmp_path / str(plainly), panel, plainly) for plainly in (False, True))
    same(ours[0], theirs[0])
    assert _without_times(ours[1]) == _without_times(theirs[1])
    assert ours[2] == theirs[2]


@pytest.mark.parametrize(
    "settings",
    [{"accumulate_grad_batches": 3}, {"precision": "64-true"}, {"precision": "bf16-true"}],
)
def test_other_steps_are_lightning_s_or_the_same(settings: dict[str, Any], tmp_path: Path) -> None:
    theirs, ours = (learn(tmp_path / str(p), "ffn", p, **settings) for p in (False, True))
    same(ours[0], theirs[0])
    assert ours[2] == theirs[2]


@pytest.mark.parametrize(
    ("settings", "plain"), [({}, True), ({"accumulate_grad_batches": 2}, False)]
)
def test_it_steps_plainly_where_each_batch_is_a_step(
    settings: dict[str, Any], plain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    original = _AutomaticOptimization._optimizer_step

    def counted(self: Any, *args: Any) -> None:
        calls.append(1)
        original(self, *args)

    monkeypatch.setattr(_AutomaticOptimization, "_optimizer_step", counted)
    module, data = pair()
    runner = trainer(max_epochs=1, **settings)
    step_plainly(runner)
    runner.fit(module, data)
    assert (not calls) is plain

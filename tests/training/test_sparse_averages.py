"""Averages of weights by Lightning's callbacks, while masks move."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import (
    EMAWeightAveraging,
    StochasticWeightAveraging,
    WeightAveraging,
)
from torch import Tensor

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.run.build import build_named
from triptych.training import EMA

from ..composed import composed
from ..sparse.averages import EQUAL, Shares, ema, of_last_lives
from .sparse_cases import BASE, RUNNING, layers, settings
from .tiny import pair, trainer

MOVING = [name for name in RUNNING if not name.endswith("static")]
DECAY = 0.9


class History(Callback):
    """Weights and masks of every layer after each optimizer step."""

    def __init__(self) -> None:
        self.weights: dict[str, list[Tensor]] = {}
        self.masks: dict[str, list[Tensor]] = {}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        for name, layer in layers(pl_module).items():
            seen = layer.weights.detach().clone() if layer.latent else layer.matrix()
            self.weights.setdefault(name, []).append(seen)
            self.masks.setdefault(name, []).append(layer.mask.clone())

    def average(self, name: str, latent: bool, averaged: list[bool], shares: Shares) -> Tensor:
        """Latent weights always live."""
        masks = [torch.ones_like(m) if latent else m for m in self.masks[name]]
        return of_last_lives(self.weights[name], masks, averaged, shares)


@pytest.mark.parametrize(
    ("name", "kind"),
    [*((name, "ema") for name in MOVING), ("masked-rigl", "equal"), ("csr-set", "equal")],
)
def test_a_training_ends_with_averages_under_its_last_masks(name: str, kind: str) -> None:
    history = History()
    kept, shares = {
        "ema": (EMA(DECAY), ema(DECAY)),
        "equal": (WeightAveraging(use_buffers=False), EQUAL),
    }[kind]
    module, data = pair(*settings(name))
    before = {name: layer.mask.clone() for name, layer in layers(module).items()}
    trainer([kept, history], max_epochs=2).fit(module, data)
    for place, layer in layers(module).items():
        masks = history.masks[place]
        assert torch.equal(layer.mask, masks[-1])
        assert not torch.equal(layer.mask, before[place])
        wanted = history.average(place, layer.latent, [True] * len(masks), shares)
        got = layer.weights.detach() if layer.latent else layer.matrix()
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["masked-rigl", "csr-set"])
def test_averages_of_epochs_follow_too(name: str) -> None:
    """`StochasticWeightAveraging` takes an average at the start of each epoch from the third on."""
    history = History()
    swa = StochasticWeightAveraging(0.01, swa_epoch_start=3)
    module, data = pair(*settings(name), "scheduler=constant")
    trainer([swa, history], max_epochs=5).fit(module, data)
    for place, layer in layers(module).items():
        masks = history.masks[place]
        last = [n % 7 == 6 and n // 7 in (1, 2, 3) for n in range(len(masks))]
        assert torch.equal(layer.mask, masks[-1])
        wanted = history.average(place, False, last, EQUAL)
        torch.testing.assert_close(layer.matrix(), wanted, rtol=1e-4, atol=1e-6)


def test_an_average_has_a_decay_below_1() -> None:
    with pytest.raises(InvalidSetting, match=r"decay must be in \[0, 1\), got 1"):
        EMA(1.0)


def test_averaged_buffers_are_refused_before_training() -> None:
    module, data = pair(*BASE)
    with pytest.raises(IncompatibleSettings, match=r"EMAWeightAveraging .* set use_buffers=false"):
        trainer([EMAWeightAveraging()]).fit(module, data)


def test_the_best_checkpoint_is_the_average_that_was_validated_and_is_tested(
    tmp_path: Path,
) -> None:
    config = composed(*settings("csr-rigl"), "callbacks=ema")["callbacks"]
    for kept in ("best", "last"):
        config[kept]["dirpath"] = str(tmp_path)
    callbacks = build_named(config, "callbacks")
    module, data = pair(*settings("csr-rigl"))
    runner = trainer(callbacks.values(), max_epochs=4, enable_checkpointing=True)
    runner.fit(module, data)
    best, last = (torch.load(tmp_path / f"{kept}.ckpt") for kept in ("best", "last"))
    score = float(callbacks["best"].best_model_score)
    for name, value in module.state_dict().items():
        assert torch.equal(last["state_dict"][name], value), name
    assert any(
        not torch.equal(value, last["state_dict"][name])
        for name, value in last["current_model_state"].items()
    )
    tested = runner.test(module, data, ckpt_path=str(tmp_path / "best.ckpt"), verbose=False)
    fresh, data = pair(*settings("csr-rigl"))
    fresh.load_state_dict(best["state_dict"])
    alone = trainer()
    assert alone.test(fresh, data, verbose=False) == tested
    assert alone.validate(fresh, data, verbose=False)[0]["val/acc"] == pytest.approx(score)
    for layer in layers(fresh).values():
        assert layer.density == pytest.approx(0.5, abs=1e-3)

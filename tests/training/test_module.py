import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.nn import functional as F
from torch.optim.lr_scheduler import ReduceLROnPlateau

from triptych.dropout import Stream, dropouts
from triptych.errors import TrainingDiverged
from triptych.seeds import derive
from triptych.training import Meter
from triptych.training.module import CHECK_EVERY

from .tiny import BATCHES, SAMPLES, Diary, Fixed, around, fit, pair, trainer

STILL = ("model.dropout=0.0", "model.lr=0.0")  # weights never change, so all can be computed again


@pytest.mark.parametrize("panel", ["ffn", "sparse", "moe"])
def test_logged_means_are_over_samples_of_the_whole_split(panel: str) -> None:
    diary = Diary()
    module, data, runner = fit(f"model={panel}", *STILL, max_epochs=2, callbacks=[diary])
    module.eval()
    for name in ("train", "val", "test"):
        split = getattr(data.splits, name)
        with torch.no_grad():
            logits, _ = module.network(split.x)
        loss = float(F.cross_entropy(logits, split.y))
        acc = float((logits.argmax(dim=1) == split.y).double().mean())
        if name == "test":
            (logged,) = runner.test(module, data, verbose=False)
            noted = [logged]
        else:
            noted = diary.logged
        for epoch in noted:
            assert epoch[f"{name}/loss"] == pytest.approx(loss, rel=1e-5)
            assert epoch[f"{name}/acc"] == pytest.approx(acc)


class Losses(Callback):
    """The loss and the number of samples of each step, by epoch."""

    def __init__(self) -> None:
        self.epochs: list[list[tuple[float, int]]] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.epochs.append([])

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.epochs[-1].append((float(outputs["loss"]), len(batch[1])))


def test_the_means_of_an_epoch_forget_the_epochs_before() -> None:
    diary, losses = Diary(), Losses()
    module, data, _ = fit(
        "model.dropout=0.0", "model.lr=0.01", max_epochs=3, callbacks=[diary, losses]
    )
    for logged, steps in zip(diary.logged, losses.epochs, strict=True):
        mean = sum(loss * n for loss, n in steps) / SAMPLES
        assert logged["train/loss"] == pytest.approx(mean, rel=1e-5)
    with torch.no_grad():
        logits, _ = module.eval().network(data.splits.val.x)
    last = float(F.cross_entropy(logits, data.splits.val.y))
    assert diary.logged[-1]["val/loss"] == pytest.approx(last, rel=1e-5)
    assert diary.logged[0]["val/loss"] != pytest.approx(last, rel=1e-3)


def test_a_second_test_forgets_the_first() -> None:
    module, data, runner = fit()
    first = runner.test(module, data, verbose=False)
    assert runner.test(module, data, verbose=False) == first
    assert sum(map(sum, module.tables()["confusion"])) == 40


@pytest.mark.parametrize("model", ["ffn", "sparse", "moe", "controller"])
def test_tables_need_neither_a_device_nor_other_ranks_after_the_test(model: str) -> None:
    """Lightning leaves the metrics on the CPU, where NCCL gathers nothing."""
    module, data, runner = fit(f"model={model}")
    runner.test(module, data, verbose=False)
    tables = module.tables()
    assert module.to("meta").tables() == tables


@pytest.mark.parametrize("step", [0, BATCHES - 1, BATCHES, 2 * BATCHES + 3])
def test_a_loss_that_is_no_number_stops_the_run_and_names_the_step(step: int) -> None:
    like, data = pair()
    module = around(Fixed(breaks=step), like)
    with pytest.raises(TrainingDiverged, match=rf"at step {step} \(epoch {step // BATCHES}\)"):
        trainer(max_epochs=4).fit(module, data)


@pytest.mark.parametrize("step", [0, CHECK_EVERY - 1, CHECK_EVERY, CHECK_EVERY + 9])
def test_a_long_epoch_does_not_go_on_without_a_number(step: int) -> None:
    like, data = pair("data.n_train=3200")  # 200 batches
    network = Fixed(breaks=step)
    with pytest.raises(TrainingDiverged, match=rf"at step {step} "):
        trainer().fit(around(network, like), data)
    assert network.steps - step <= CHECK_EVERY


def test_the_step_that_is_named_is_the_optimizers_also_when_gradients_are_accumulated() -> None:
    like, data = pair("data.n_train=128")  # 8 batches, 4 steps
    with pytest.raises(TrainingDiverged, match=r"at step 6 \(epoch 1\)"):
        trainer(max_epochs=2, accumulate_grad_batches=2).fit(around(Fixed(13), like), data)


def test_dropout_has_its_own_seed_in_every_epoch() -> None:
    diary = Diary()
    fit("seed=3", max_epochs=3, callbacks=[diary])
    assert diary.seeds == [derive(3, "dropout", epoch, 0) for epoch in range(3)]


def test_each_dropout_has_a_seed_of_its_own() -> None:
    module, _ = pair("seed=3", "model=ffn")
    layers = dropouts(module.network)
    assert len(layers) > 1
    module.seed_dropout(2, 1)
    assert torch.initial_seed() == derive(3, "dropout", 2, 1)
    for name, layer in layers.items():
        drawn = layer.factors((50,), torch.ones(1))
        wanted = Stream(derive(3, "dropout", 2, 1, name)).keep(50, layer.p, torch.float32)
        assert torch.equal(drawn, wanted)


def test_the_state_of_the_global_generator_before_a_run_does_not_matter() -> None:
    weights = []
    for noise in (1, 2):
        module, data = pair("model=moe")
        torch.manual_seed(noise)
        trainer(max_epochs=2).fit(module, data)
        weights.append(module.state_dict())
    assert all(torch.equal(v, weights[1][k]) for k, v in weights[0].items())


def test_the_cosine_goes_down_once_per_epoch() -> None:
    diary = Diary()
    fit("model.lr=0.01", "trainer.max_epochs=4", max_epochs=4, callbacks=[diary])
    wanted = [0.005 * (1 + math.cos(math.pi * epoch / 4)) for epoch in range(4)]
    assert diary.rates == pytest.approx(wanted)


def test_a_constant_schedule_is_constant() -> None:
    diary = Diary()
    fit("scheduler=constant", "model.lr=0.01", max_epochs=6, callbacks=[diary])
    assert diary.rates == [0.01] * 6


def test_a_plateau_schedule_watches_the_validation_loss() -> None:
    """Best in epoch 0, then no better: with patience 1 the rate falls after epochs 2 and 4."""
    like, data = pair("model.lr=0.01")
    diary = Diary()
    schedule = partial(ReduceLROnPlateau, factor=0.5, patience=1)
    module = around(Fixed(), like, scheduler=schedule)
    trainer(max_epochs=6, callbacks=[diary]).fit(module, data)
    assert diary.rates == pytest.approx([0.01] * 3 + [0.005] * 2 + [0.0025])


@pytest.mark.filterwarnings("ignore:The dirpath has changed")
@pytest.mark.parametrize("schedule", ["cosine", "plateau", "warmup_cosine"])
@pytest.mark.parametrize("panel", ["ffn", "sparse", "moe"])
def test_a_resumed_run_ends_as_an_uninterrupted_one(
    panel: str, schedule: str, tmp_path: Path
) -> None:
    overrides = [f"model={panel}", f"scheduler={schedule}", "trainer.max_epochs=4"]
    if schedule == "plateau":
        overrides.append("scheduler.patience=0")
    meter = Meter()
    callbacks = [kept(tmp_path / "early"), meter]
    whole, _, _ = fit(*overrides, max_epochs=4, callbacks=callbacks, enable_checkpointing=True)
    resumed, data = pair(*overrides)
    late = Meter()
    callbacks = [kept(tmp_path / "late"), late]
    runner = trainer(callbacks, max_epochs=4, enable_checkpointing=True)
    runner.fit(resumed, data, ckpt_path=tmp_path / "early" / "at-epoch=1.ckpt")
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name
    assert late.samples == meter.samples == 4 * 104


def kept(folder: Path) -> ModelCheckpoint:
    name = "at-{epoch}"
    return ModelCheckpoint(folder, filename=name, save_top_k=-1, save_on_train_epoch_end=True)


@pytest.mark.parametrize("panel", ["ffn", "sparse", "moe"])
def test_a_small_batch_can_be_learned_by_heart(panel: str) -> None:
    overrides = [f"model={panel}", "debug=overfit", "scheduler=constant", "model.lr=0.02"]
    _, _, runner = fit(*overrides, max_epochs=25, overfit_batches=1, limit_val_batches=0)
    assert runner.callback_metrics["train/acc"] == 1.0
    assert runner.callback_metrics["train/loss"] < 0.1


def test_attributes_of_a_module_are_set_as_in_any_other() -> None:
    module, _ = pair()
    module.note = "first"
    module.note = "second"
    module.level = torch.nn.Parameter(torch.zeros(()))
    with pytest.raises(TypeError, match="cannot assign 'str' as parameter 'level'"):
        module.level = "text"
    assert "level" in dict(module.named_parameters())
    module.level = None
    assert (module.note, module.level) == ("second", None)
    assert "level" not in dict(module.named_parameters())


def test_a_last_step_that_breaks_the_weights_is_found_by_the_validation_that_follows() -> None:
    for panel in ("ffn", "moe"):
        with pytest.raises(TrainingDiverged, match="val/loss is not a finite number after step 0"):
            fit(f"model={panel}", "model.lr=1e30", "data.batch_size=104")

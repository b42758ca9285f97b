from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from triptych.cost import declared_cost
from triptych.errors import IncompatibleSettings, LayerCollapsed
from triptych.sparse import SparseLinear
from triptych.training import Meter, SparseModule

from .tiny import BATCHES, SAMPLES, Diary, fit, pair, trainer

MOVING = ("model=sparse", "model.rule.every=3", "model.dropout=0.0")
LAYERS = ("block_0.1", "block_0.2", "block_1.1", "block_1.2")


def last_of(diary: Diary) -> dict[str, float]:
    return diary.logged[-1]


@pytest.mark.parametrize("micro_batches", [1, 2])
def test_rigl_pays_for_a_dense_gradient_where_masks_are_due_and_nowhere_else(
    micro_batches: int,
) -> None:
    diary = Diary()
    settings: dict[str, Any] = {"max_epochs": 3, "accumulate_grad_batches": micro_batches}
    module, _, _ = fit(*MOVING, "model/rule=rigl", callbacks=[Meter(), diary], **settings)
    layers = [m for m in module.modules() if isinstance(m, SparseLinear)]
    places = sum(2 * layer.shape[0] * layer.shape[1] for layer in layers)
    missing = places - sum(2 * layer.nonzeros for layer in layers)
    in_epoch = -(-BATCHES // micro_batches)
    steps = [
        epoch * in_epoch + batch // micro_batches + 1
        for epoch in range(3)
        for batch in range(BATCHES)
    ]
    sizes = [16, 16, 16, 16, 16, 16, 8] * 3
    due = [step % 3 == 0 and step < 0.75 * 3 * in_epoch for step in steps]
    probed = sum(size for size, now in zip(sizes, due, strict=True) if now)
    assert probed == {1: 5 * 16, 2: 16 * 2 + 16 * 2}[micro_batches]
    cost = declared_cost(module.network)
    needed = 3 * cost.flops * 3 * SAMPLES + missing * probed
    executed = 3 * cost.flops_executed * 3 * SAMPLES + 3 * places * probed
    assert last_of(diary)["compute/train_flops"] == pytest.approx(needed, rel=1e-12)
    assert last_of(diary)["compute/train_flops_executed"] == pytest.approx(executed, rel=1e-12)


def test_pruning_pays_for_the_weights_that_each_step_had() -> None:
    diary = Diary()
    module, data = pair("model=sparse", "model/rule=pruning", "model.rule.every=2")
    forward: list[float] = []
    step = module.training_step

    def watched(batch: Any, batch_idx: int) -> torch.Tensor:
        forward.append(declared_cost(module.network).flops * len(batch[1]))
        return step(batch, batch_idx)

    module.training_step = watched
    trainer([Meter(), diary], max_epochs=3).fit(module, data)
    assert forward[-1] / 8 < forward[0] / 16
    assert last_of(diary)["compute/train_flops"] == pytest.approx(3 * sum(forward), rel=1e-12)


def test_densities_are_told_of_layers_weights_and_all_parameters() -> None:
    diary = Diary()
    module, data, runner = fit("model=sparse", callbacks=[diary])
    runner.test(module, data, verbose=False)
    tested = {k: float(v) for k, v in runner.callback_metrics.items()}
    parameters = sum(p.numel() for p in module.network.parameters())
    existing = parameters - 4 * 8192  # 4 layers of 10240 places, 2048 of them in use
    for split, logged in (("val", last_of(diary)), ("test", tested)):
        assert logged[f"{split}/density"] == logged[f"{split}/density_target"] == 0.2
        assert logged[f"{split}/density_all_parameters"] == existing / parameters
    rows = module.tables()["density"]
    assert [row["layer"] for row in rows] == list(LAYERS)
    dead = sum(row["dead_units"] or 0 for row in rows)
    assert last_of(diary)["val/dead_units"] == dead
    assert [row["dead_units"] is None for row in rows] == [False, True, False, True]
    assert all(0 <= row["least_fan_in"] <= row["most_fan_in"] for row in rows)


def test_masks_that_stay_have_no_history() -> None:
    diary = Diary()
    module, _, _ = fit("model=sparse", callbacks=[diary])
    assert not [key for key in last_of(diary) if "sparse/" in key or "mask_update" in key]
    assert "explored" not in module.panel_tables()["density"][0]
    checkpoint: dict[str, Any] = {}
    module.on_save_checkpoint(checkpoint)
    assert checkpoint["mask_history"] == {}


def test_exploration_counts_every_place_that_was_in_a_mask() -> None:
    module, data = pair(*MOVING, "model/rule=set")
    assert isinstance(module, SparseModule)
    diary, masks = Diary(), {name: [m.mask.clone()] for name, m in module.sparse_layers().items()}
    step = module.training_step

    def watched(batch: Any, batch_idx: int) -> torch.Tensor:
        for name, layer in module.sparse_layers().items():
            masks[name].append(layer.mask.clone())
        return step(batch, batch_idx)

    module.training_step = watched
    trainer([diary], max_epochs=3).fit(module, data)
    shares = [float(torch.stack(m).any(dim=0).double().mean()) for m in masks.values()]
    logged = last_of(diary)
    for label, share in zip(LAYERS, shares, strict=True):
        assert logged[f"train/sparse/explored/{label}"] == share > 0.2
    assert logged["train/sparse/explored"] == pytest.approx(sum(shares) / 4)  # of equal sizes
    assert [row["explored"] for row in module.panel_tables()["density"]] == shares
    assert logged["time/mask_update_ms"] > 0


def train(
    overrides: tuple[str, ...], diary: Diary, folder: Path, since: Path | None = None
) -> None:
    keeper = ModelCheckpoint(folder, "{epoch}", save_top_k=-1, save_on_train_epoch_end=True)
    module, data = pair(*overrides)
    runner = trainer([Meter(), diary, keeper], max_epochs=3, enable_checkpointing=True)
    runner.fit(module, data, ckpt_path=since)


@pytest.mark.filterwarnings("ignore:The dirpath has changed")
@pytest.mark.parametrize("kernel", ["masked", "csr"])
def test_a_resumed_run_has_the_history_of_an_uninterrupted_one(kernel: str, tmp_path: Path) -> None:
    overrides = (*MOVING, "model/rule=rigl", f"model/kernel={kernel}")
    whole, resumed = Diary(), Diary()
    train(overrides, whole, tmp_path)
    file = tmp_path / "epoch=0.ckpt"
    saved = torch.load(file, weights_only=True)["mask_history"]["tried"]
    assert [len(bits) for bits in saved.values()] == [10240 // 8] * 4
    train(overrides, resumed, tmp_path / "resumed", file)
    kept = [key for key in last_of(whole) if "sparse/" in key or "compute/" in key]
    assert len(kept) == 9  # churn, explored in all and by layer, three of compute
    for key in kept:
        first, second = ([epoch.get(key) for epoch in d.logged] for d in (whole, resumed))
        assert second[-2:] == first[-2:], key


def test_a_drawn_mask_without_any_weight_is_refused_in_one_line() -> None:
    with pytest.raises(IncompatibleSettings) as refused:
        pair("model=sparse", "model.sparsity=0.99999")
    assert str(refused.value) == (
        "model.sparsity leaves no weight in layer block_0.1: lower model.sparsity, or widen the net"
    )


def test_a_layer_that_loses_its_last_weight_stops_the_training() -> None:
    module, data = pair(*MOVING, "model/rule=set")
    assert isinstance(module, SparseModule)
    module.rule.update = lambda views, progress: [torch.zeros_like(view.mask) for view in views]
    with pytest.raises(LayerCollapsed, match=r"layer block_0.1 has no weight left after step 3"):
        trainer(max_epochs=1).fit(module, data)

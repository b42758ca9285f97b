import math

import pytest
import torch

from triptych.sparse import AutoLinear, SparseLinear

from ..composed import CONF
from .tiny import Diary, fit, pair, trainer


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_no_training_revives_a_weight(optimizer: str) -> None:
    """Slide 5: after one step of Adam none of the weights was zero any more."""
    diary = Diary()
    module, data, runner = fit(
        "model=sparse", f"optimizer={optimizer}", max_epochs=3, gradient_clip_val=0.5,
        callbacks=[diary],
    )  # fmt: skip
    layers = [m for m in module.modules() if isinstance(m, SparseLinear)]
    assert len(layers) == 4
    for layer in layers:
        weight = layer.get_parameter("weight").detach()
        assert not weight[~layer.mask].any()
        assert int(torch.count_nonzero(weight)) == layer.nonzeros == 2048
    for epoch in diary.logged:
        assert epoch["val/density"] == 0.2
        densities = {k: v for k, v in epoch.items() if k.startswith("val/density/")}
        assert len(densities) == 4
        assert set(densities.values()) == {0.2}
    runner.test(module, data, verbose=False)
    assert [row["nonzeros"] for row in module.tables()["density"]] == [2048] * 4


DYNAMIC = ("model=sparse", "model.rule.every=3", "model.dropout=0.0", "optimizer.fused=null")


@pytest.mark.parametrize("rule", ["set", "rigl"])
def test_masks_move_while_a_net_trains_and_their_number_of_weights_does_not(rule):
    module, _ = pair(*DYNAMIC, f"model/rule={rule}")
    before = {name: layer.mask.clone() for name, layer in module.sparse_layers().items()}
    diary = Diary()
    trainer([diary], max_epochs=3).fit(module, pair(*DYNAMIC, f"model/rule={rule}")[1])
    for name, layer in module.sparse_layers().items():
        assert not torch.equal(layer.mask, before[name]), name
        assert int(layer.mask.sum()) == int(before[name].sum()), name
        assert layer.probe is None
    assert 0 < diary.logged[0]["train/sparse/churn"] <= 0.3


def test_updates_count_optimizer_steps_not_micro_batches():
    module, data = pair(*DYNAMIC, "model/rule=set")
    seen: list[int] = []
    due = module.rule.due
    module.rule.due = lambda step, steps: seen.append(steps) or due(step, steps)
    trainer(max_epochs=2, accumulate_grad_batches=2).fit(module, data)
    assert set(seen) == {8}  # 7 batches make 4 steps an epoch


def test_pruning_starts_dense_and_ends_at_the_sparsity_that_was_asked_for():
    diary = Diary()
    settings = ("model=sparse", "model/rule=pruning", "model.rule.every=2")
    module, _, _ = fit(*settings, max_epochs=3, callbacks=[diary])
    assert diary.logged[0]["val/density"] > diary.logged[1]["val/density"] > 0.2
    for layer in module.sparse_layers().values():
        assert layer.density == pytest.approx(0.2, abs=1e-3)


PAIRS = {
    "masked": ("model/mask=uniform",),
    "csr": ("model/mask=uniform",),
    "block": ("model/mask=block",),
    "narrow": ("model/mask=neurons",),
    "semi_structured": ("model/mask=two_four", "model.sparsity=0.5"),
    "auto": ("model/mask=erdos_renyi",),
    "straight_through": ("model/rule=sr_ste", "model.sparsity=0.5"),
}
"""What each kernel goes with."""


def test_every_kernel_is_trained():
    assert PAIRS.keys() == {file.stem for file in (CONF / "model" / "kernel").glob("*.yaml")}


BACKBONES = pytest.mark.parametrize("backbone", ["residual", "notebook"])


@BACKBONES
@pytest.mark.parametrize("kernel", PAIRS)
def test_a_run_says_what_executes_and_how_fast(kernel, backbone, capsys):
    choice = ("model=sparse", f"model/backbone={backbone}", f"model/kernel={kernel}")
    module, data, runner = fit(*choice, *PAIRS[kernel])
    said = capsys.readouterr().err.splitlines()  # among it, the log, where a handler is at work
    lines = [line for line in said if "of dense speed" in line]
    assert all(f": {kernel}" in line for line in lines)
    assert all(line.endswith("of dense speed (forward + backward, 16 rows)") for line in lines)
    assert {line.split(",")[1] for line in lines} == {
        f" {d_out} x {d_in}" for d_out, d_in in (s.shape for s in module.sparse_layers().values())
    }
    runner.test(module, data, verbose=False)
    for row in module.tables()["density"]:
        assert row["kernel"].startswith(kernel)
        assert 0 < row["speed"] < math.inf


@BACKBONES
@pytest.mark.parametrize("kernel", sorted(PAIRS.keys() - {"masked", "straight_through"}))
def test_a_whole_run_is_that_of_the_masked_kernel(kernel, backbone):
    nets = []
    for which in ("masked", kernel):
        choice = ("model=sparse", f"model/backbone={backbone}", f"model/kernel={which}")
        module, _, _ = fit(*choice, *PAIRS[kernel], max_epochs=2, precision="64-true")
        nets.append(module.sparse_layers())
    for name, reference in nets[0].items():
        torch.testing.assert_close(nets[1][name].matrix(), reference.matrix(), rtol=1e-6, atol=1e-8)


def test_a_table_without_a_training_has_no_speed():
    module, data = pair("model=sparse")
    trainer().test(module, data, verbose=False)
    assert {(row["kernel"], row["speed"]) for row in module.tables()["density"]} == {
        ("masked", None)
    }


def test_measuring_before_a_training_leaves_no_trace():
    module, data = pair("model=sparse", "model/kernel=auto")
    runner = trainer()
    runner.strategy.connect(module)
    module.trainer, runner.datamodule = runner, data
    state = torch.get_rng_state()
    before = {name: value.clone() for name, value in module.named_parameters()}
    module.on_fit_start()
    assert torch.equal(torch.get_rng_state(), state)
    for name, value in module.named_parameters():
        assert value.grad is None
        assert torch.equal(value, before[name])


def test_a_resumed_run_executes_as_the_run_before(tmp_path):
    """With each choice written into the checkpoint, to tell it from a new measurement."""
    _, _, runner = fit("model=sparse", "model/kernel=auto")
    path = tmp_path / "half.ckpt"
    runner.save_checkpoint(path)
    for choice in ("dense", "layout"):
        content = torch.load(path, weights_only=True)
        for key, value in content["state_dict"].items():
            if key.endswith("_extra_state"):
                content["state_dict"][key] = dict.fromkeys(value, choice)
        torch.save(content, path)
        again, data = pair("model=sparse", "model/kernel=auto")
        trainer(max_epochs=2).fit(again, data, ckpt_path=path)
        for layer in again.sparse_layers().values():
            assert isinstance(layer, AutoLinear)
            assert layer.chosen_for_training() == choice

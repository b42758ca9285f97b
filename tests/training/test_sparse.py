import pytest
import torch

from triptych.sparse import SparseLinear

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

import itertools

import pytest
import torch
from lightning import Callback
from torch.nn import functional as F

from triptych.errors import InvalidSetting
from triptych.moe import MoE, micro_batch, squared_deviation_loss, switch_loss, z_loss
from triptych.training import MoEModule

from .tiny import BATCHES, SAMPLES, Batches, Diary, fit, pair, trainer

STILL = ("model=moe", "model.dropout=0.0", "model.lr=0.0")


def batch_of(data):
    train = data.splits.train
    return train.x[:16], train.y[:16], train.family[:16]


@pytest.mark.parametrize("coefficient", [0.0, 0.25])
@pytest.mark.parametrize("balance", [switch_loss, squared_deviation_loss])
def test_the_loss_to_descend_is_cross_entropy_plus_the_mean_balance_of_the_layers(
    balance, coefficient
):
    name = balance.__name__.removesuffix("_loss")
    module, data = pair(
        *STILL, f"model/balance={name}", f"model.balance_coef={coefficient}", "model.top_k=1"
    )
    batch = batch_of(data)
    logits, decisions = module.network(batch[0])
    assert len(decisions) == 2
    mean = sum(balance(routing) for routing in decisions.values()) / 2
    wanted = F.cross_entropy(logits, batch[1]) + coefficient * mean
    torch.testing.assert_close(module.training_step(batch, 0), wanted)


def test_the_balance_loss_reaches_the_router():
    module, data = pair(*STILL, "model.balance_coef=1000")
    batch = batch_of(data)
    module.training_step(batch, 0).backward()
    heavy = module.network.get_parameter("blocks.block_0.router.scores.linear.weight").grad.clone()
    module.zero_grad()
    F.cross_entropy(module.network(batch[0])[0], batch[1]).backward()
    light = module.network.get_parameter("blocks.block_0.router.scores.linear.weight").grad
    assert heavy.norm() > 10 * light.norm()


def test_the_logged_losses_are_apart_and_without_coefficient():
    """N1 of the source study: its training loss of 10.31 was nearly all balance."""
    diary = Diary()
    module, data, _ = fit(*STILL, "model.balance_coef=1000", callbacks=[diary])
    train = data.splits.train
    with torch.no_grad():
        loss = F.cross_entropy(module.network(train.x)[0], train.y)
    assert diary.logged[0]["train/loss"] == pytest.approx(float(loss), rel=1e-5)
    assert 0.9 < diary.logged[0]["train/moe/balance_loss"] < 3


def test_routing_is_counted_anew_in_every_evaluation():
    """N8 and N9 of the source study: usage was tracked each tenth epoch and never reset."""
    diary = Diary()
    module, data, runner = fit(*STILL, max_epochs=3, callbacks=[diary])
    routed = [{k: v for k, v in epoch.items() if "val/moe" in k} for epoch in diary.logged]
    assert len(routed[0]) == 2 * (9 + 8)  # with the load of each expert
    for later in routed[1:]:
        assert {k: v for k, v in later.items() if "churn" not in k} == routed[0]
    runner.test(module, data, verbose=False)
    for table in module.tables()["routing"]:
        assert sum(table["load"]) == 2 * 40
    runner.test(module, data, verbose=False)
    assert sum(module.tables()["routing"][0]["load"]) == 2 * 40


def test_tables_are_of_the_test_split_and_name_their_layer():
    module, data, runner = fit(*STILL)
    runner.test(module, data, verbose=False)
    test = data.splits.test
    with torch.no_grad():
        _, decisions = module.eval().network(test.x)
    tables = {table["layer"]: table for table in module.tables()["routing"]}
    assert tables.keys() == decisions.keys()
    for layer, routing in decisions.items():
        assert tables[layer]["load"] == routing.load().tolist()
        for family, row in enumerate(tables[layer]["topk_by_family"]):
            ids = routing.experts[test.family == family].flatten()
            assert row == torch.bincount(ids, minlength=8).tolist()


def test_active_parameters_are_those_that_samples_really_met():
    """N5 of the source study, with its experts of different size."""
    module, data, runner = fit("model=notebook_moe", max_epochs=2)
    runner.test(module, data, verbose=False)
    with torch.no_grad():
        _, decisions = module.eval().network(data.splits.test.x)
    (layer,) = (m for m in module.modules() if isinstance(m, MoE))
    sizes = [cost.params_total for cost in layer.experts.costs()]
    load = decisions["net"].load().tolist()
    met = 1_484 + sum(n * size for n, size in zip(load, sizes, strict=True)) / 40
    assert module.cost().params_active == pytest.approx(met)
    assert float(runner.callback_metrics["test/params_active"]) == pytest.approx(met)
    assert module.cost().params_total == 32_140


def test_before_the_first_evaluation_the_load_is_taken_as_even():
    """N8 of the source study: until its first tracking all parameters counted as active."""
    module, _ = pair("model=notebook_moe")
    assert module.cost().params_active == 1_484 + (3 * 6_044 + 12_524) / 2


def test_a_negative_coefficient_is_refused():
    module, _ = pair("model=moe")
    with pytest.raises(
        InvalidSetting, match="balance_coef must not be negative or infinite, got -1"
    ):
        MoEModule(
            balance=switch_loss,
            balance_coef=-1,
            z_coef=0.0,
            statistics=micro_batch,
            network=module.network,
            optimizer=module.make_optimizer,
            scheduler=module.make_scheduler,
            classes=module.classes,
            families=module.families,
            seed=0,
        )


def test_no_list_of_an_epoch_outlives_it():
    module, _, _ = fit("model=moe", max_epochs=2)
    lists = [value for value in vars(module).values() if isinstance(value, list)]
    assert all(len(value) < BATCHES for value in lists)


def test_the_logged_balance_is_the_mean_over_samples_of_each_layer():
    """A short last batch weighs as little as it does in the cross entropy."""
    diary, batches = Diary(), Batches()
    module, _, _ = fit(*STILL, "model.z_coef=0.1", callbacks=[diary, batches])
    assert [len(y) for _, y in batches.seen] == [16] * 6 + [8]
    for name, loss in (("balance", switch_loss), ("z", z_loss)):
        sums = {"block_0": 0.0, "block_1": 0.0}
        for x, _ in batches.seen:
            with torch.no_grad():
                for layer, routing in module.network(x)[1].items():
                    sums[layer] += len(x) * float(loss(routing))
        for layer, total in sums.items():
            logged = diary.logged[0][f"train/moe/{layer}/{name}_loss"]
            assert logged == pytest.approx(total / SAMPLES, rel=1e-6)
        mean = sum(sums.values()) / SAMPLES / 2
        assert diary.logged[0][f"train/moe/{name}_loss"] == pytest.approx(mean, rel=1e-6)


def test_training_load_and_drops_are_those_of_all_batches_of_the_epoch():
    diary, batches = Diary(), Batches()
    limit = ("model/capacity=score", "model.capacity.factor=0.8")
    module, _, _ = fit(*STILL, *limit, max_epochs=2, callbacks=[diary, batches])
    for epoch, logged in enumerate(diary.logged):
        loads = {"block_0": torch.zeros(2, 8), "block_1": torch.zeros(2, 8)}
        for x, _ in batches.seen[epoch * BATCHES : (epoch + 1) * BATCHES]:
            with torch.no_grad():
                for layer, routing in module.train().network(x)[1].items():
                    loads[layer] += torch.stack([routing.load(), routing.executed_load()])
        for layer, (load, executed) in loads.items():
            busiest, dropped = (logged[f"train/moe/{layer}/{k}"] for k in ("max_load", "drop_rate"))
            assert busiest == pytest.approx(float(load.max() / load.mean()))
            assert dropped == pytest.approx(1 - float(executed.sum() / load.sum()))
            assert dropped > 0.05


def test_what_is_dropped_costs_nothing():
    limit = ("model/capacity=position", "model.capacity.eval_factor=0.5")
    module, data, runner = fit(*STILL, *limit)
    runner.test(module, data, verbose=False)
    dropped = [float(runner.callback_metrics[f"test/moe/block_{i}/drop_rate"]) for i in range(2)]
    whole, _ = pair("model=moe")
    saved = whole.cost().params_active - module.cost().params_active
    (size,) = {
        c.params_total for m in module.modules() if isinstance(m, MoE) for c in m.experts.costs()
    }
    assert min(dropped) > 0.4
    assert saved == pytest.approx(2 * size * sum(dropped))


class Choices(Callback):
    """What every validation chose, by layer."""

    def __init__(self) -> None:
        self.seen: list[dict[str, tuple[torch.Tensor, torch.Tensor]]] = []

    def on_validation_end(self, trainer, pl_module):
        x = trainer.datamodule.splits.val.x
        with torch.no_grad():
            decisions = pl_module.network(x)[1]
        self.seen.append(
            {k: (r.experts.sort(dim=1).values, r.probs.argmax(dim=1)) for k, r in decisions.items()}
        )


def test_churn_is_what_changed_since_the_validation_before():
    diary, choices = Diary(), Choices()
    fit("model=moe", "model.lr=0.02", max_epochs=3, callbacks=[diary, choices])
    assert not [key for key in diary.logged[0] if "churn" in key]
    pairs = itertools.pairwise(choices.seen)
    for logged, (before, after) in zip(diary.logged[1:], pairs, strict=True):
        for layer, (sets, favourites) in after.items():
            other = (sets != before[layer][0]).any(dim=1).double().mean()
            best = (favourites != before[layer][1]).double().mean()
            assert logged[f"val/moe/{layer}/churn"] == pytest.approx(float(other))
            assert logged[f"val/moe/{layer}/churn_top1"] == pytest.approx(float(best))
    assert diary.logged[1]["val/moe/block_0/churn"] > 0


def test_a_net_that_does_not_learn_has_no_churn():
    diary = Diary()
    fit(*STILL, max_epochs=2, callbacks=[diary])
    assert diary.logged[1]["val/moe/block_0/churn"] == 0.0


def test_churn_is_absent_after_a_resume_and_in_a_test(tmp_path):
    """There is nothing to compare with, and 0 would say that nothing changed."""
    _, _, first = fit("model=moe", max_epochs=2)
    first.save_checkpoint(tmp_path / "at.ckpt")
    module, data = pair("model=moe")
    diary = Diary()
    runner = trainer([diary], max_epochs=4)
    runner.fit(module, data, ckpt_path=tmp_path / "at.ckpt")
    epochs = diary.logged[1:]  # the first is what was there before the first step: nothing
    assert len(epochs) == 2
    assert [len([key for key in logged if "churn" in key]) for logged in epochs] == [0, 4]
    (tested,) = runner.test(module, data, verbose=False)
    assert not [key for key in tested if "churn" in key]

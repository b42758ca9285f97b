"""Every router in a real training, as its configuration makes it, and the papers' recipes."""

import math

import pytest
import torch
from torch import Tensor

from triptych.moe import BiasTopK, MoE, SelfBalancing

from ..composed import composed
from ..routers import ROUTERS, choice
from .tiny import BATCHES, SAMPLES, Diary, fit, pair, trainer

CHOICES = [
    *map(choice, ROUTERS),
    *[("model=moe", f"model/capacity={rule}") for rule in ("position", "score", "random")],
    ("model=moe", "model/balance=loss_free"),
    ("model=moe", "model/router=noisy_topk", "model/balance=importance_load"),
    ("model=switch",),
    ("model=gshard",),
    ("model=deepseek",),
]


@pytest.mark.parametrize("overrides", CHOICES, ids=" ".join)
def test_it_trains_and_evaluates_the_same_twice(overrides):
    diary = Diary()
    module, data, runner = fit(*overrides, callbacks=[diary])
    for key in ("train/loss", "train/moe/balance_loss", "val/loss"):
        assert math.isfinite(diary.logged[-1][key]), key
    module.eval()
    x = data.splits.test.x
    with torch.no_grad():
        torch.manual_seed(0)
        before = torch.get_rng_state()
        first, _ = module.network(x)
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(1)
        assert torch.equal(module.network(x)[0], first)
    once = runner.test(module, data, verbose=False)
    assert runner.test(module, data, verbose=False) == once


class Note(SelfBalancing):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.loads: list[Tensor] = []

    def rebalance(self, load: Tensor) -> None:
        self.loads.append(load.clone())


@pytest.mark.parametrize("accumulate", [1, 3])
def test_the_bias_is_told_the_load_of_a_whole_step_once_per_step(accumulate, monkeypatch):
    module, data = pair("model=moe", "model/balance=loss_free")
    notes = {layer: Note() for layer in module._self_balancing}
    assert len(notes) == 2
    monkeypatch.setattr(module, "_self_balancing", notes)
    trainer(accumulate_grad_batches=accumulate).fit(module, data)
    for note in notes.values():
        assert len(note.loads) == math.ceil(BATCHES / accumulate)
        assert [int(load.sum()) for load in note.loads[:-1]] == [2 * 16 * accumulate] * (
            len(note.loads) - 1
        )
        assert int(sum(note.loads).sum()) == 2 * SAMPLES


def test_the_bias_moves_in_training_and_not_in_evaluation():
    module, data, runner = fit("model=moe", "model/balance=loss_free")
    routers = [m.router for m in module.modules() if isinstance(m, MoE)]
    biases = [r.bias.clone() for r in routers if isinstance(r, BiasTopK)]
    assert all(b.any() for b in biases)
    assert all(0 < float(b.abs().max()) <= 2 * 0.001 * BATCHES for b in biases)
    runner.test(module, data, verbose=False)
    assert all(torch.equal(r.bias, b) for r, b in zip(routers, biases, strict=True))


def test_the_recipe_of_switch_is_that_of_its_paper():
    model = composed("model=switch")["model"]
    assert (model["top_k"], model["balance_coef"], model["jitter"]) == (1, 0.01, 0.01)
    assert model["router"]["_target_"] == "triptych.moe.UnnormalisedTopK"
    assert model["balance"]["_target_"] == "triptych.moe.switch_loss"
    assert model["capacity"]["priority"]["_target_"] == "triptych.moe.by_position"
    assert (model["capacity"]["factor"], model["capacity"]["eval_factor"]) == (1.25, 2.0)
    assert model["d_hidden"] == composed("model=ffn")["model"]["d_hidden"]


def test_the_recipe_of_gshard_is_that_of_its_paper():
    model = composed("model=gshard")["model"]
    assert (model["top_k"], model["balance_coef"]) == (2, 0.01)
    assert model["router"]["_target_"] == "triptych.moe.GShardTop2"
    assert model["balance"]["_target_"] == "triptych.moe.gshard_loss"
    assert model["capacity"]["priority"]["_target_"] == "triptych.moe.by_position"


def test_loss_free_balance_brings_its_router_and_gives_way_to_one_that_is_named():
    bias = composed("model=moe", "model/balance=loss_free")["model"]
    assert bias["router"]["_target_"] == "triptych.moe.BiasTopK"
    named = composed("model=moe", "model/balance=loss_free", "model/router=sinkhorn")["model"]
    assert named["router"]["_target_"] == "triptych.moe.SinkhornTopK"

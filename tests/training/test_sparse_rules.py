"""Every rule in conf/ in short trainings of the real module."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from triptych.errors import IncompatibleSettings, LayerCollapsed
from triptych.sparse import SRSTE, LatentRule, StraightThroughLinear, live_weights
from triptych.tracking import config_for_loggers
from triptych.training import SparseModule

from ..composed import CONF, composed
from .rules import HALF, RULES, at_work
from .tiny import Batches, Diary, pair, trainer

FALLS = sorted(path.stem for path in (CONF / "model" / "fall").glob("*.yaml"))
FOR_OTHER_KERNELS = {"granet", "pruning", "sr_ste"}
PATH = {"max_epochs": 4, "precision": "64-true"}


def trained(*overrides: str, **settings: Any) -> SparseModule:
    module, data = pair(*overrides)
    trainer(**{"max_epochs": 2, **settings}).fit(module, data)
    assert isinstance(module, SparseModule)
    return module


@pytest.mark.parametrize("rule", RULES)
def test_the_net_ends_with_as_many_weights_as_its_sparsity_says(rule: str) -> None:
    layers = trained(*at_work(rule)).sparse_layers().values()
    total = sum(layer.mask.numel() for layer in layers)
    assert sum(layer.nonzeros for layer in layers) == live_weights(total, 0.5)
    for layer in layers:
        assert int(torch.count_nonzero(layer.matrix())) <= layer.nonzeros


@pytest.mark.parametrize("rule", RULES)
def test_values_alone_take_the_path_of_the_masked_matrix_or_refuse_the_rule(rule: str) -> None:
    """With AdamW: equal masks and weights, with an optimizer state of the size of the weights."""
    adamw, csr = "optimizer=adamw", "model/kernel=csr"
    if rule in FOR_OTHER_KERNELS:
        with pytest.raises(IncompatibleSettings, match="take model/kernel="):
            pair(*at_work(rule), csr, adamw)
        return
    ours = trained(*at_work(rule), csr, adamw, **PATH)
    for name, layer in trained(*at_work(rule), adamw, **PATH).sparse_layers().items():
        same = ours.sparse_layers()[name]
        assert torch.equal(same.mask, layer.mask), name
        torch.testing.assert_close(same.matrix(), layer.matrix(), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "static"])
def test_every_rule_moves_masks_and_says_how_much(rule: str) -> None:
    diary = Diary()
    before = [layer.mask.clone() for layer in pair(*at_work(rule))[0].sparse_layers().values()]
    module = trained(*at_work(rule), callbacks=[diary])
    for layer, mask in zip(module.sparse_layers().values(), before, strict=True):
        assert not torch.equal(layer.mask, mask)
        assert layer.probe is None
    assert diary.logged[0]["train/sparse/churn"] > 0


@pytest.mark.parametrize("fall", FALLS)
def test_the_fall_of_the_moved_share_is_a_choice_for_every_rule_that_has_one(fall: str) -> None:
    for rule in ("set", "rigl", "granet"):
        module, _ = pair(*at_work(rule), f"model/fall={fall}")
        assert module.rule.fall(0.4, 0.5) == pytest.approx({"constant": 0.4}.get(fall, 0.2))


@pytest.mark.parametrize("choice", ["squared_gradient", "zero"])
def test_loggers_are_told_what_the_optimizer_remembers_of_new_weights(choice: str) -> None:
    config = composed("model=sparse", f"model/fresh={choice}")
    for told in (config, config_for_loggers(config)):
        wanted = f"triptych.sparse.{choice}_state"
        assert told["model"]["fresh"]["_target_"] == wanted
        assert told["model"]["module"]["fresh"]["_target_"] == wanted


def test_a_layer_without_weights_stops_the_training_and_is_named() -> None:
    """GraNet prunes over the whole net: here all weights of one layer are the smallest."""
    module, data = pair(*at_work("granet"))
    first, *_ = module.sparse_layers().values()
    with torch.no_grad():
        first.weights.mul_(1e-9)
    for parameter in first.parameters():
        parameter.requires_grad_(False)
    module.rule.initial = module.rule.final = 0.7  # 3 of 4 layers hold the 30 % that are left
    with pytest.raises(LayerCollapsed, match=r"layer block_0.1 has no weight left after step 3: "):
        trainer().fit(module, data)


def by_hand(module: SparseModule, batches: list[tuple[Tensor, Tensor]], lr: float) -> None:
    """SR-STE with plain SGD, as eq. 9 has it."""
    decay = module.rule.decay
    for x, y in batches:
        module.zero_grad()
        torch.nn.functional.cross_entropy(module.network(x)[0], y).backward()
        latent = {layer.weights: layer for layer in module.sparse_layers().values()}
        with torch.no_grad():
            for weight in module.parameters():
                hidden = ~latent[weight].mask * weight if weight in latent else 0.0
                weight -= lr * (weight.grad + decay * hidden)
            for layer in latent.values():
                groups = layer.weights.abs().view(-1, 4)
                second = groups.sort(dim=1).values[:, 2:3]
                layer.mask.copy_((groups >= second).view_as(layer.mask))


@pytest.mark.parametrize("accumulate", [1, 7])
def test_sr_ste_takes_the_steps_of_its_equation_whatever_the_micro_batches(
    accumulate: int,
) -> None:
    """With a pull so strong that adding it for each micro-batch would show."""
    pull = "model.rule.decay=0.5"
    module, data = pair(*at_work("sr_ste"), pull, "optimizer=sgd", "data.n_train=112")
    module.make_optimizer = lambda parameters: torch.optim.SGD(parameters, lr=0.1)
    slow = copy.deepcopy(module).double()
    seen = Batches()
    trainer([seen], precision="64-true", accumulate_grad_batches=accumulate).fit(module, data)
    batches = [(x.double(), y) for x, y in seen.seen]
    steps = [batches[i : i + accumulate] for i in range(0, len(batches), accumulate)]
    joint = [tuple(torch.cat(part) for part in zip(*step, strict=True)) for step in steps]
    by_hand(slow, joint, lr=0.1)
    for name, value in slow.state_dict().items():
        if name.startswith("network."):
            torch.testing.assert_close(module.state_dict()[name], value, rtol=0, atol=1e-10)


def test_sr_ste_multiplies_with_exactly_two_of_four_and_remembers_all() -> None:
    module = trained(*at_work("sr_ste"))
    assert isinstance(module.rule, LatentRule)
    for layer in module.sparse_layers().values():
        assert isinstance(layer, StraightThroughLinear)
        seen = layer(torch.eye(layer.shape[1])) - layer.bias
        assert (seen.T.reshape(-1, 4).count_nonzero(dim=1) == 2).all()
        assert (layer.weights != 0).all()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model/kernel=straight_through"], "take that rule, or model/kernel=masked"),
        (["model/rule=sr_ste", "model/kernel=masked"], "take model/kernel=straight_through"),
        (["model/rule=sr_ste", "model/mask=uniform"], "take model/mask=n_of_m"),
        (["model/rule=sr_ste", "model/mask=snip"], "none before the first: take model/mask=n_of_m"),
        (["model/rule=sr_ste", "model.sparsity=0.8"], "take one of 0.75, 0.5, 0.25"),
    ],
)
def test_what_does_not_fit_sr_ste_is_refused_in_one_line(
    overrides: list[str], message: str
) -> None:
    with pytest.raises(IncompatibleSettings, match=message) as refused:
        pair(*HALF, *overrides)
    assert "\n" not in str(refused.value)


def test_the_groups_of_sr_ste_are_those_of_its_mask() -> None:
    module, _ = pair(*HALF, "model/rule=sr_ste", "model.mask.pattern.m=8")
    assert isinstance(module, SparseModule)
    assert isinstance(module.rule, SRSTE)
    assert module.rule.m == 8

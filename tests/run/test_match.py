import sys
from typing import Any

import pytest
import torch

from triptych.cost import declared_cost
from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.run import time_match
from triptych.run.build import build_network
from triptych.run.candidates import Candidates
from triptych.run.match import Found, at_width, solved

from ..composed import CONF, unresolved

MODELS = [(f"model={path.stem}",) for path in sorted((CONF / "model").glob("*.yaml"))]
SPARSE = [
    ("model=sparse", *parts)
    for parts in (
        ("model/mask=snip",),
        ("model/mask=block", "model.sparsity=0.5"),
        ("model/mask=two_four", "model.sparsity=0.5", "model/backbone=notebook"),
        ("model/rule=granet",),
    )
]


def search(*overrides: str) -> tuple[Found, Candidates]:
    nets = Candidates(unresolved(*overrides))
    return solved(nets, list(overrides)), nets


@pytest.mark.parametrize("model", [*MODELS, *SPARSE], ids=" ".join)
def test_no_width_of_a_model_comes_nearer_to_the_flops_of_the_dense_net(model) -> None:
    found, nets = search(*model, "match=active")
    assert abs(found.mismatch) <= 0.04
    assert found.budget == declared_cost(nets.dense(found.reference).net).flops
    widths = nets.widths()
    place = widths.index(found.d_hidden)
    near = [found.d_hidden, *widths[max(place - 1, 0) : place + 2]]
    flops = [nets.forecast(width).cost().flops for width in near]
    assert found.reached == flops[0]
    misses = [abs(each - found.budget) for each in flops]
    assert misses[0] == min(misses)


@pytest.mark.parametrize(
    ("kind", "model"),
    [("total", "moe"), ("train_flops", "moe"), ("train_flops", "ffn")],
)
def test_other_budgets_are_met_too(kind: str, model: str) -> None:
    found, _ = search(f"model={model}", f"match={kind}", "match.d_hidden=48", "data.n_test=100")
    assert (found.kind, found.reference) == (kind, 48)
    assert abs(found.mismatch) < 0.06
    assert (found.d_hidden == 48) == (model == "ffn")


def test_the_dense_gradients_of_a_rule_are_paid_for_by_its_width() -> None:
    often = ("model=sparse", "model/rule=rigl", "model.rule.every=2", "debug=fast")
    found, nets = search(*often, "match=train_flops")
    assert found.d_hidden < 320 == nets.typical
    assert found.reached == nets.forecast(found.d_hidden).training_flops([128] * 8)


def test_the_width_is_that_of_all_that_refers_to_it_and_is_kept_with_what_was_found() -> None:
    cfg = unresolved("model=deepseek", "match=active", "match.d_hidden=32")
    nets = Candidates(cfg)
    found = solved(nets, [])
    config = at_width(cfg, found.record())
    net = build_network(config, nets.data)
    assert declared_cost(net).flops == found.reached
    assert config["model"]["shared"]["build"]["d_hidden"] == found.d_hidden
    assert config["match"]["found"] == found.record()
    assert "found" not in cfg.match
    assert cfg.model.d_hidden == 16


def test_a_search_disturbs_nothing_random() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    search("model=sparse", "match=active")
    assert torch.equal(torch.get_rng_state(), before)


WRONG = [
    (["model=moe", "match=total", "match.d_hidden=8"], r"d_hidden=1, 3,444 parameters .* 2,484"),
    (["model=moe", "match=active", "match.d_hidden=65", "match.tolerance=0"], "is the nearest"),
    (["model=moe", "match=active", "model.d_hidden=3"], "model.d_hidden=3: match searches the wid"),
    (["match=active", "match.d_hidden=1"], "match.d_hidden=1 must be a whole number of at least 2"),
    (["match=active", "match.d_hidden=8.5"], "match.d_hidden=8.5 must be a whole number"),
    (["match=active", "match.tolerance=-1"], "match.tolerance=-1 must be a share"),
    (["match=active", "match.tolerance=much"], "match.tolerance=much must be a share"),
    (["match=train_flops", "debug=overfit"], "trainer.overfit_batches=1: match=train_flops counts"),
    (["match=time", "trainer.devices=2"], "trainer.devices=2 .* match=time measures one process"),
    (["model=sparse", "model.block=24", "model/mask=block", "match=active"], "lower model.block"),
]


@pytest.mark.parametrize(("typed", "message"), WRONG, ids=lambda v: str(v))
def test_what_cannot_be_matched_is_one_line(typed: list[str], message: str) -> None:
    with pytest.raises(InvalidSetting, match=message) as caught:
        search(*typed)
    assert "\n" not in str(caught.value)


def timed(monkeypatch: pytest.MonkeyPatch, base: float, *overrides: str) -> Found:
    """Where a dense step takes 1 + width / 100 ms, and a sparse one `base` more."""

    def step(config: dict[str, Any], data: Any) -> float:
        panel = config["model"]["panel"]
        dense = panel["_target_"].endswith("DensePanel")
        if panel["d_hidden"] < 2:
            raise InvalidSetting("no such net")
        return 1 + panel["d_hidden"] / 100 + (0 if dense else base)

    def side_by_side(steps, rounds):
        seconds = {name: 0 if callable(value) else value / 1000 for name, value in steps.items()}
        return {name: [value] * rounds for name, value in seconds.items()}

    monkeypatch.setattr(time_match, "training_step", step)
    monkeypatch.setattr(time_match, "side_by_side", side_by_side)
    monkeypatch.setattr(sys.modules["triptych.run.equal_time"], "side_by_side", side_by_side)
    return search("model=sparse", "match=time", *overrides)[0]


def test_by_the_clock_the_widest_net_that_takes_no_longer_is_found(monkeypatch) -> None:
    found = timed(monkeypatch, 0.205)
    assert (found.kind, found.d_hidden, found.unit) == ("time", 43, "ms a step")
    assert (found.budget, found.reached) == pytest.approx((1.64, 1.635))
    assert timed(monkeypatch, 0.205, "model/mask=block").d_hidden == 32
    with pytest.raises(IncompatibleSettings, match=r"d_hidden=2, .* is the nearest"):
        timed(monkeypatch, 1.0)


def test_samples_are_those_of_optimizer_steps_over_all_processes() -> None:
    sizes = ("data.n_train=107", "data.batch_size=16", "trainer.max_epochs=2")
    assert Candidates(unresolved(*sizes)).samples() == [*[16] * 6, 11] * 2
    several = ("trainer.devices=2", "trainer.accumulate_grad_batches=3")
    assert Candidates(unresolved(*sizes, *several)).samples() == [48, 48, 10] * 2

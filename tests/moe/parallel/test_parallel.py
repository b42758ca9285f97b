from typing import Any

import pytest
import torch

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.moe import check_expert_ranks, check_shardable

from ...processes import together
from ..cases import Probe, Shape, layer
from .ranks import FOUR, MAX_NORM, TWO, Case, alone, rank

CASES = {**TWO, **FOUR}
each_case = pytest.mark.parametrize("name", CASES)
Found = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What each rank saw, by case."""
    seen: Found = {}
    for world in (2, 4):
        ranks = together(rank, world, tmp_path_factory.mktemp(f"ranks{world}"))
        seen |= {name: [each[name] for each in ranks] for name in ranks[0]}
    return seen


def same(ours: Any, theirs: Any, case: Case) -> None:
    tolerance = {torch.double: 1e-12, torch.float32: 1e-5}[case.dtype]
    if case.autocast:
        tolerance = 2e-2
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.slow
@each_case
def test_each_rank_gets_the_answers_that_one_process_would_give(found: Found, name: str) -> None:
    for ours, theirs in zip(found[name], alone(CASES[name])["tokens"], strict=True):
        same(ours["tokens"], theirs, CASES[name])


@pytest.mark.slow
@each_case
def test_gradients_are_the_mean_over_ranks(found: Found, name: str) -> None:
    wanted = alone(CASES[name])["grads"]
    assert found[name][0]["grads"].keys() == wanted.keys()
    same(found[name][0]["grads"], wanted, CASES[name])


@pytest.mark.slow
@each_case
def test_gradients_are_clipped_by_the_norm_of_the_whole_layer(found: Found, name: str) -> None:
    wanted, norms = alone(CASES[name]), [each["norm"] for each in found[name]]
    if sum(CASES[name].tokens):
        assert wanted["norm"] > MAX_NORM
    same(norms[0].to(wanted["norm"]), wanted["norm"], CASES[name])
    assert all(torch.equal(norm, norms[0]) for norm in norms)
    same(found[name][0]["clipped"], wanted["clipped"], CASES[name])


@pytest.mark.slow
@each_case
def test_the_state_of_weights_and_optimizer_is_that_of_one_process(found: Found, name: str) -> None:
    ours, wanted = found[name][0], alone(CASES[name])
    assert ours["weights"].keys() == wanted["weights"].keys()
    same(ours["weights"], wanted["weights"], CASES[name])
    assert ours["optimizer"]["param_groups"] == wanted["optimizer"]["param_groups"]
    same(ours["optimizer"]["state"], wanted["optimizer"]["state"], CASES[name])


@pytest.mark.slow
@each_case
def test_a_rank_holds_its_part_and_declares_the_cost_of_the_whole(found: Found, name: str) -> None:
    whole = sum(p.numel() for p in CASES[name].layer().experts.parameters())
    ranks = CASES[name].expert_ranks or len(CASES[name].tokens)
    assert {each["total"] for each in found[name]} == {whole}
    assert sum(each["held"] for each in found[name][:ranks]) == whole
    assert max(each["held"] for each in found[name]) < whole or ranks == 1


def test_experts_that_cannot_be_divided_are_refused() -> None:
    moe = layer(Shape(3, 3, 2, 4, 6, 2, 0))
    check_shardable(moe, 3)
    with pytest.raises(IncompatibleSettings, match="num_experts=6 cannot be divided over 4 ranks"):
        check_shardable(moe, 4)


def test_a_net_without_experts_is_refused() -> None:
    with pytest.raises(IncompatibleSettings, match="no experts to spread"):
        check_shardable(torch.nn.Linear(2, 2), 2)


def test_a_bank_that_cannot_let_go_of_experts_is_refused() -> None:
    moe = layer(Shape(3, 3, 2, 4, 4, 2, 0))
    moe.experts = Probe(4)
    with pytest.raises(IncompatibleSettings, match="Probe cannot be spread over ranks"):
        check_shardable(moe, 2)


@pytest.mark.parametrize("size", [0, 3, 8])
def test_groups_that_do_not_fill_the_world_are_refused(size: int) -> None:
    check_expert_ranks(2, 4)
    with pytest.raises(InvalidSetting, match=f"expert_ranks={size}: 4 devices"):
        check_expert_ranks(size, 4)

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from triptych.errors import InvalidSetting
from triptych.moe import Dropless, Limited, Routing, at_random, by_position, by_score
from triptych.moe.capacity import fitting, room_per_expert

from .cases import routing, rows

PRIORITIES = (by_position, by_score, at_random)


def limited(
    factor: float, priority: Callable[[Routing, bool], Tensor] = by_position, *, again: bool = False
) -> Limited:
    return Limited(factor, factor, priority, again)


@st.composite
def decisions(draw: st.DrawFn) -> Routing:
    """Any decision, with padding and routes that were not chosen or without."""
    tokens, experts = draw(st.integers(0, 12)), draw(st.integers(1, 5))
    top_k = draw(st.integers(1, experts))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    probs = torch.softmax(2 * torch.randn(tokens, experts, generator=generator).double(), dim=1)
    gates, ids = probs.topk(top_k, dim=1)
    valid = torch.rand(tokens, generator=generator) < 0.7 if draw(st.booleans()) else None
    chosen = torch.rand(tokens, top_k, generator=generator) < 0.7 if draw(st.booleans()) else None
    asked = Routing(ids, gates, probs, probs.log(), chosen=chosen, valid=valid)
    counted = asked.counted()
    if counted is not None:
        gates = torch.where(counted, gates, 0.0)
    return Routing(ids, gates, probs, probs.log(), chosen=chosen, valid=valid)


def one_after_the_other(decision: Routing, priority: Tensor, room: int) -> Tensor:
    """The slow and obvious way to fill experts."""
    counted = decision.counted()
    kept = torch.zeros_like(decision.experts, dtype=torch.bool)
    left = [room] * decision.num_experts
    every = [(t, k) for k in range(decision.top_k) for t in range(len(kept))]
    for t, k in sorted(every, key=lambda route: -float(priority[route])):
        expert = int(decision.experts[t, k])
        if (counted is None or counted[t, k]) and left[expert] > 0:
            left[expert] -= 1
            kept[t, k] = True
    return kept


@settings(max_examples=60)
@given(decisions(), st.sampled_from((by_position, by_score)), st.integers(0, 6))
def test_experts_are_filled_in_the_order_of_priority(decision, priority, room):
    order = priority(decision, True)
    assert torch.equal(fitting(decision, order, room), one_after_the_other(decision, order, room))


@settings(max_examples=60)
@given(decisions(), st.sampled_from(PRIORITIES), st.sampled_from([0.1, 0.5, 1.0, 1.25, 2.0]))
def test_an_expert_takes_all_that_come_or_as_many_as_have_room(decision, priority, factor):
    tokens = len(decision.probs) if decision.valid is None else int(decision.valid.sum())
    exact = factor * decision.top_k * tokens / decision.num_experts
    done = limited(factor, priority)(decision, True)
    room = math.ceil(exact - 1e-9)
    assert done.executed_load().tolist() == [min(c, room) for c in decision.load().tolist()]
    assert torch.equal(done.load(), decision.load())  # counted before the drop
    assert torch.equal(done.gates, torch.where(done.kept, decision.gates, 0.0))
    dropped = int((done.load() - done.executed_load()).sum())
    counted = decision.counted()
    routes = decision.experts.numel() if counted is None else int(counted.sum())
    assert int(done.executed_load().sum()) + dropped == routes


@settings(max_examples=60)
@given(decisions(), st.sampled_from(PRIORITIES), st.booleans())
def test_room_for_all_tokens_drops_nothing(decision, priority, again):
    enough = decision.num_experts / decision.top_k
    done = limited(enough, priority, again=again)(decision, True)
    assert torch.equal(done.executed_load(), decision.load())
    torch.testing.assert_close(done.gates, decision.gates)


@pytest.mark.parametrize(
    ("factor", "routes", "experts", "room"),
    # In floating point the first two are a little above 33 and 55.
    [
        (1.1, 90, 3, 33),
        (1.1, 100, 2, 55),
        (1.25, 5, 4, 2),
        (1.0, 8, 4, 2),
        (1.0, 9, 4, 3),
        (2.0, 0, 4, 0),
    ],
)
def test_room_is_rounded_up_but_not_by_the_faults_of_floating_point(factor, routes, experts, room):
    assert room_per_expert(factor, routes, experts) == room


def test_the_rate_of_drops_of_a_small_case():
    probs = torch.tensor([[0.9, 0.1]] * 3 + [[0.2, 0.8]])
    done = limited(1.0)(routing([[0], [0], [0], [1]], probs), True)  # 1 * 1 * 4 / 2 = 2 places each
    assert done.load().tolist() == [3, 1]
    assert done.executed_load().tolist() == [2, 1]
    assert done.kept.flatten().tolist() == [True, True, False, True]


def test_routes_that_were_not_asked_for_make_no_less_room():
    """A capacity of K T / E, as in GShard, whatever the lots of second experts."""
    probs = torch.full((4, 2), 0.5)
    asked = torch.tensor([[True, False]] * 4)
    decision = Routing(torch.tensor([[0, 1]] * 4), probs, probs, probs, chosen=asked)
    assert limited(1.0)(decision, True).executed_load().tolist() == [4, 0]


def test_by_position_first_choices_come_before_second_and_early_tokens_before_late():
    probs = rows([0.4, 0.6], [0.9, 0.1], [0.8, 0.2])
    decision = routing([[1, 0], [0, 1], [0, 1]], probs)
    # 2/3 * 2 * 3 / 2 = 2 places each. Expert 0: tokens 1 and 2 by first choice. Expert 1: token 0
    # by first choice, token 1 by second; token 2 is late.
    kept = limited(2 / 3)(decision, True).kept
    assert kept.tolist() == [[True, False], [True, True], [True, False]]


def test_by_score_the_smallest_gates_are_dropped_wherever_they_stand():
    gates = [0.6, 0.9, 0.7, 0.8]
    decision = routing([[0]] * 4, rows(*[[g, 1 - g] for g in gates]))
    kept = limited(1.0, by_score)(decision, True).kept
    assert kept.flatten().tolist() == [False, True, False, True]


@settings(max_examples=40)
@given(decisions(), st.integers(0, 100))
def test_by_score_the_order_of_tokens_does_not_matter(decision, seed):
    assume(decision.num_experts > 1)  # else all gates are equal
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(decision.probs), generator=generator)
    shuffled = Routing(
        *(v[order] for v in (decision.experts, decision.gates, decision.probs, decision.logits)),
        chosen=None if decision.chosen is None else decision.chosen[order],
        valid=None if decision.valid is None else decision.valid[order],
    )
    for factor in (0.5, 1.0):
        done = limited(factor, by_score)(decision, True)
        assert torch.equal(limited(factor, by_score)(shuffled, True).kept, done.kept[order])


def test_lots_are_drawn_in_training_alone():
    decision = routing([[0]] * 40, torch.tensor([[0.9, 0.1]] * 40))
    rule = limited(1.0, at_random)
    torch.manual_seed(0)
    first, second = rule(decision, True), rule(decision, True)
    assert not torch.equal(first.kept, second.kept)
    assert torch.equal(rule(decision, False).kept, limited(1.0)(decision, False).kept)


def test_evaluation_has_a_factor_of_its_own():
    decision = routing([[0]] * 4, torch.tensor([[0.9, 0.1]] * 4))
    rule = Limited(0.5, 1.5, by_position, renormalise=False)
    assert rule(decision, True).executed_load().tolist() == [1, 0]
    assert rule(decision, False).executed_load().tolist() == [3, 0]


@settings(max_examples=40)
@given(decisions(), st.sampled_from((by_position, by_score)))
def test_padding_takes_no_room_and_makes_none(decision, priority):
    real = torch.ones(len(decision.probs), dtype=torch.bool)
    real = real if decision.valid is None else decision.valid
    alone = Routing(
        *(v[real] for v in (decision.experts, decision.gates, decision.probs, decision.logits)),
        chosen=None if decision.chosen is None else decision.chosen[real],
    )
    rule = limited(0.7, priority)
    padded = Routing(**{**vars(decision), "valid": real})
    assert torch.equal(rule(padded, True).kept[real], rule(alone, True).kept)
    assert not rule(padded, True).kept[~real].any()


def test_what_is_left_of_a_token_makes_up_for_what_was_dropped():
    probs = rows([0.5, 0.3, 0.2], [0.6, 0.1, 0.3], [0.6, 0.3, 0.1])
    gates = rows([0.5, 0.3], [0.6, 0.3], [0.6, 0.3])
    decision = Routing(torch.tensor([[0, 1], [0, 2], [0, 1]]), gates, probs, probs.log())
    rule = Limited(0.5, 0.5, by_position, renormalise=True)  # .5 * 2 * 3 / 3 = 1 place each
    torch.testing.assert_close(rule(decision, True).gates, rows([0.5, 0.3], [0, 0.9], [0, 0]))


def test_a_token_that_loses_all_routes_has_gradients_that_are_numbers():
    gates = torch.full((3, 2), 0.5, requires_grad=True)
    probs = torch.full((3, 2), 0.5)
    decision = Routing(torch.tensor([[0, 1]] * 3), gates, probs, probs)
    done = Limited(0.4, 0.4, by_position, renormalise=True)(decision, True)
    assert not done.gates[2].any()
    done.gates.square().sum().backward()
    assert torch.isfinite(gates.grad).all()
    assert not gates.grad[2].any()


def test_without_limits_the_decision_is_untouched():
    decision = routing([[0]] * 4, torch.tensor([[0.9, 0.1]] * 4))
    assert Dropless()(decision, True) is decision


@pytest.mark.parametrize("factor", [0.0, -1.0, math.inf, math.nan])
def test_a_factor_that_cannot_be_is_named(factor):
    with pytest.raises(InvalidSetting, match="capacity factor must be above 0 and finite"):
        Limited(factor, 1.0, by_position, renormalise=False)
    with pytest.raises(InvalidSetting, match="capacity eval_factor must be above 0 and finite"):
        Limited(1.0, factor, by_position, renormalise=False)

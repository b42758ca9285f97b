import itertools
from dataclasses import replace

import torch
from hypothesis import given
from hypothesis import strategies as st

from triptych.metrics import RoutingChurn
from triptych.moe import Routing

from .batches import routed


def fixed(experts: list[list[int]], favourites: list[int]) -> Routing:
    probs = torch.eye(5)[favourites]
    ids = torch.tensor(experts)
    return Routing(ids, probs.gather(1, ids), probs, probs)


def turned(churn: RoutingChurn, *routings: Routing) -> list[int]:
    for routing in routings:
        churn.note(routing)
    return churn.turn().tolist()


def test_sets_and_favourites_that_changed_are_counted_apart():
    churn = RoutingChurn()
    before = fixed([[0, 1], [0, 1], [2, 3], [4, 0]], [0, 0, 2, 4])
    # The same; the same set with another favourite; another set; another set and favourite.
    after = fixed([[0, 1], [1, 0], [2, 4], [1, 2]], [0, 1, 2, 1])
    assert turned(churn, before) == [0, 0, 0]
    assert turned(churn, after) == [2, 2, 4]


def test_it_is_against_the_evaluation_before_and_not_the_first():
    churn = RoutingChurn()
    one, two = fixed([[0, 1]], [0]), fixed([[2, 3]], [2])
    assert [turned(churn, part) for part in (one, two, two, one)] == [
        [0, 0, 0],
        [1, 1, 1],
        [0, 0, 1],
        [1, 1, 1],
    ]


@given(st.integers(1, 12), st.integers(0, 99), st.lists(st.integers(0, 12), max_size=3))
def test_it_is_that_of_brute_force_however_the_samples_are_cut_into_batches(samples, seed, cuts):
    before, after = routed(samples, 5, 2, seed), routed(samples, 5, 2, seed + 1)
    edges = [0, *sorted(min(cut, samples) for cut in cuts), samples]
    parts = [slice(low, high) for low, high in itertools.pairwise(edges)]
    churn = RoutingChurn()
    turned(churn, before)
    found = turned(churn, *(rows_of(after, rows) for rows in parts))
    pairs = zip(before.experts.tolist(), after.experts.tolist(), strict=True)
    sets = sum(set(one) != set(two) for one, two in pairs)
    best = int((before.probs.argmax(1) != after.probs.argmax(1)).sum())
    assert found == [sets, best, samples]


def rows_of(routing: Routing, rows: slice) -> Routing:
    return Routing(
        routing.experts[rows], routing.gates[rows], routing.probs[rows], routing.logits[rows]
    )


def test_an_evaluation_of_other_samples_is_nothing_to_compare_with():
    """As after a sanity check, which sees the first batches alone."""
    churn = RoutingChurn()
    turned(churn, fixed([[0, 1]], [0]))
    assert turned(churn, fixed([[0, 1], [2, 3]], [0, 2])) == [0, 0, 0]
    assert turned(churn) == [0, 0, 0]
    assert turned(churn, fixed([[0, 1]], [0])) == [0, 0, 0]


def test_padding_is_not_compared_and_a_route_that_was_not_chosen_is_none():
    churn = RoutingChurn()
    valid = torch.tensor([True, True, False])
    chosen = torch.tensor([[True, True], [True, False], [True, True]])
    one = replace(fixed([[0, 1], [0, 1], [0, 1]], [0, 0, 0]), valid=valid, chosen=chosen)
    two = replace(fixed([[0, 1], [0, 4], [2, 3]], [0, 0, 2]), valid=valid, chosen=chosen)
    turned(churn, one)
    assert turned(churn, two) == [0, 0, 2]
    assert turned(churn, replace(two, chosen=None)) == [1, 0, 2]

import copy
import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from triptych.metrics import RoutingMetrics, normalised_mutual_information
from triptych.metrics.routing import CONFIDENCE_BINS
from triptych.moe import Routing

from .batches import routed


def decision(samples: int, experts: int, top_k: int, seed: int = 0) -> Routing:
    generator = torch.Generator().manual_seed(seed)
    probs = torch.softmax(3 * torch.randn(samples, experts, generator=generator), dim=1)
    gates, ids = probs.topk(top_k, dim=1)
    return Routing(experts=ids, gates=gates, probs=probs, logits=probs.log())


def families_of(samples: int, families: int, seed: int = 0) -> Tensor:
    return torch.randint(families, (samples,), generator=torch.Generator().manual_seed(seed))


def part(routing: Routing, rows: slice) -> Routing:
    return Routing(
        routing.experts[rows], routing.gates[rows], routing.probs[rows], routing.logits[rows]
    )


CASES = st.tuples(st.integers(1, 30), st.integers(2, 6), st.integers(1, 2), st.integers(0, 99))


@given(CASES)
def test_counts_and_sums_are_those_of_brute_force(case):
    samples, experts, top_k, seed = case
    routing, family = decision(samples, experts, top_k, seed), families_of(samples, 3, seed)
    metric = RoutingMetrics(experts, 3)
    metric.update(routing, family)
    found = metric.compute()
    load = [[0] * experts for _ in range(3)]
    probs = [[0.0] * experts for _ in range(3)]
    confidence = [0] * CONFIDENCE_BINS
    entropy = 0.0
    for g, ids, p in zip(family.tolist(), routing.experts.tolist(), routing.probs, strict=True):
        for e in ids:
            load[g][e] += 1
        for e in range(experts):
            probs[g][e] += float(p[e])
            entropy -= float(p[e] * p[e].log())
        confidence[int(float(p.max()) * CONFIDENCE_BINS)] += 1
    sizes = [family.tolist().count(g) for g in range(3)]
    table = found["table"]
    assert table["topk_by_family"] == load
    assert table["load"] == [sum(row[e] for row in load) for e in range(experts)]
    assert table["confidence"] == confidence
    mean = torch.tensor([[v / max(n, 1) for v in row] for row, n in zip(probs, sizes, strict=True)])
    torch.testing.assert_close(torch.tensor(table["prob_by_family"]), mean)
    assert found["share"] == pytest.approx([n / samples for n in table["load"]])
    assert sum(found["share"]) == pytest.approx(top_k)
    scalars = found["scalars"]
    assert scalars["token_entropy"] == pytest.approx(entropy / samples, rel=1e-5)
    assert scalars["dead_experts"] == table["load"].count(0)
    assert scalars["nmi"] == normalised_mutual_information(torch.tensor(load))
    soft = normalised_mutual_information(torch.tensor(probs))
    assert scalars["nmi_soft"] == pytest.approx(soft, abs=1e-6)


@given(CASES, st.lists(st.integers(0, 30), max_size=4))
def test_batches_in_any_split_give_the_same(case, cuts):
    samples, experts, top_k, seed = case
    routing, family = decision(samples, experts, top_k, seed), families_of(samples, 3, seed)
    whole, parts = RoutingMetrics(experts, 3), RoutingMetrics(experts, 3)
    whole.update(routing, family)
    edges = [0, *sorted(min(cut, samples) for cut in cuts), samples]
    for low, high in itertools.pairwise(edges):
        parts.update(part(routing, slice(low, high)), family[low:high])
    found, wanted = parts.compute(), whole.compute()
    assert found["scalars"] == pytest.approx(wanted["scalars"], abs=1e-9)
    assert found["share"] == wanted["share"]
    for key in ("load", "topk_by_family", "confidence"):
        assert found["table"][key] == wanted["table"][key]


@given(CASES, st.tuples(st.booleans(), st.booleans()))
def test_padding_and_routes_that_were_not_chosen_count_nowhere(case, masks):
    samples, experts, top_k, seed = case
    family = families_of(samples, 3, seed)
    routing = routed(samples, experts, top_k, seed, *masks)
    metric = RoutingMetrics(experts, 3)
    metric.update(routing, family)
    found = metric.compute()
    assert found["table"]["load"] == routing.load().tolist()
    assert sum(map(sum, found["table"]["topk_by_family"])) == int(routing.load().sum())
    real = torch.ones(samples, dtype=torch.bool) if routing.valid is None else routing.valid
    assert sum(found["table"]["confidence"]) == int(real.sum())
    alone = RoutingMetrics(experts, 3)
    alone.update(
        Routing(
            routing.experts[real],
            routing.gates[real],
            routing.probs[real],
            routing.logits[real],
            chosen=None if routing.chosen is None else routing.chosen[real],
        ),
        family[real],
    )
    wanted = alone.compute()
    assert found["scalars"] == pytest.approx(wanted["scalars"])
    assert found["share"] == pytest.approx(wanted["share"])
    assert found["table"]["prob_by_family"] == wanted["table"]["prob_by_family"]


@given(CASES, st.tuples(st.booleans(), st.booleans()))
def test_dropped_routes_are_load_but_no_work(case, masks):
    samples, experts, top_k, seed = case
    routing = routed(samples, experts, top_k, seed, *masks, full=True)
    metric = RoutingMetrics(experts, 3)
    metric.update(routing, families_of(samples, 3, seed))
    found = metric.compute()
    wanted, executed = int(routing.load().sum()), int(routing.executed_load().sum())
    assert found["table"]["load"] == routing.load().tolist()
    rate = 1 - executed / wanted if wanted else 0.0
    assert found["scalars"]["drop_rate"] == pytest.approx(rate)
    real = samples if routing.valid is None else int(routing.valid.sum())
    share = routing.executed_load().double() / max(real, 1)
    assert found["share"] == pytest.approx(share.tolist())


@pytest.mark.parametrize(
    ("rows", "margin"),
    [([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3]], 0.3), ([[0.5, 0.5, 0.0]], 0.0), ([[1.0]], 1.0)],
)
def test_the_margin_is_the_mean_lead_of_the_most_probable_expert(rows, margin):
    probs = torch.tensor(rows)
    gates, ids = probs.topk(1)
    metric = RoutingMetrics(probs.shape[1], 1)
    metric.update(Routing(ids, gates, probs, probs), torch.zeros(len(probs), dtype=torch.long))
    assert metric.compute()["scalars"]["margin"] == pytest.approx(margin)


def test_each_evaluation_starts_from_nothing():
    """N9 of the source study: usage was added up over training, evaluation and all epochs."""
    metric = RoutingMetrics(4, 2)
    metric.update(decision(20, 4, 2, seed=1), families_of(20, 2))
    metric.compute()
    metric.reset()
    metric.update(decision(10, 4, 2), families_of(10, 2))
    fresh = RoutingMetrics(4, 2)
    fresh.update(decision(10, 4, 2), families_of(10, 2))
    assert metric.compute() == fresh.compute()


def test_choices_and_probabilities_are_kept_apart():
    """N5 of the source study took the mean probability for the use of an expert."""
    probs = torch.tensor([[0.51, 0.49]] * 8)
    metric = RoutingMetrics(2, 1)
    metric.update(
        Routing(torch.zeros(8, 1, dtype=torch.long), probs[:, :1], probs, probs),
        torch.zeros(8, dtype=torch.long),
    )
    found = metric.compute()
    assert found["share"] == [1.0, 0.0]
    assert found["scalars"]["load_gini"] == 0.5
    assert found["table"]["prob_by_family"][0] == pytest.approx([0.51, 0.49])


def test_its_sums_move_with_the_module():
    """N10 of the source study: usage was a plain tensor, which stayed behind on the CPU."""
    module = torch.nn.ModuleDict({"routing": RoutingMetrics(4, 2)}).to("meta")
    metric = module["routing"]
    assert {getattr(metric, name).device.type for name in metric._defaults} == {"meta"}


def test_a_certain_router_falls_into_the_last_bin():
    probs = torch.tensor([[1.0, 0.0]])
    metric = RoutingMetrics(2, 1)
    metric.update(Routing(torch.tensor([[0]]), probs[:, :1], probs, probs), torch.tensor([0]))
    assert metric.compute()["table"]["confidence"] == [0] * (CONFIDENCE_BINS - 1) + [1]


def test_it_keeps_no_gradient():
    routing = decision(5, 3, 1)
    probs = routing.probs.clone().requires_grad_()
    metric = RoutingMetrics(3, 2)
    metric.update(Routing(routing.experts, routing.gates, probs, probs), families_of(5, 2))
    assert not any(getattr(metric, name).requires_grad for name in metric._defaults)
    copy.deepcopy(metric)

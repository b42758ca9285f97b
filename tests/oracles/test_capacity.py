import pytest
import torch

from triptych.moe import Limited, by_position, by_score

from .decisions import SIZES, decision, over_experts, random_logits

pytestmark = pytest.mark.oracle

FACTORS = [0.5, 0.75, 1.0, 1.25, 2.0]


@pytest.mark.parametrize(("tokens", "experts", "top_k"), SIZES)
@pytest.mark.parametrize("factor", FACTORS)
def test_an_expert_has_as_much_room_as_megatron_and_deepspeed_give_it(
    megatron, deepspeed, tokens, experts, top_k, factor
):
    logits = torch.zeros(tokens, experts)
    logits[:, :top_k] += torch.arange(top_k, 0, -1)  # all tokens want the same experts
    full = Limited(factor, factor, by_position, renormalise=False)
    load = full(decision(logits, top_k, renormalised=False), True).executed_load()
    room = megatron.get_capacity(tokens * top_k, experts, factor)
    assert load.tolist() == [min(room, tokens)] * top_k + [0] * (experts - top_k)
    numbers = torch.tensor(factor * top_k), torch.tensor(1)
    assert int(deepspeed._capacity(logits, *numbers)) == room


@pytest.mark.parametrize(("tokens", "experts", "top_k"), SIZES)
@pytest.mark.parametrize("factor", FACTORS)
def test_dropping_by_score_leaves_what_megatron_leaves(megatron, tokens, experts, top_k, factor):
    routing = decision(random_logits(tokens, experts), top_k, renormalised=False)
    chosen = over_experts(routing, torch.ones_like(routing.gates)).bool()
    gates, kept = megatron.apply_router_token_dropping(
        over_experts(routing, routing.gates), chosen, top_k, factor, drop_policy="probs"
    )
    ours = Limited(factor, factor, by_score, renormalise=False)(routing, True)
    assert torch.equal(over_experts(ours, ours.running()).bool(), kept)
    torch.testing.assert_close(over_experts(ours, ours.gates), gates)


@pytest.mark.parametrize(("tokens", "experts", "top_k"), SIZES)
@pytest.mark.parametrize("factor", FACTORS)
def test_dropping_by_score_and_renormalising_is_deepspeeds(
    deepspeed, tokens, experts, top_k, factor
):
    """Theirs then sum to 1; ours to what they were, here less than 1."""
    routing = decision(random_logits(tokens, experts), top_k, renormalised=False)
    theirs = deepspeed.topkgating(routing.logits, top_k, factor, 1, drop_policy="probs")[1].sum(2)
    ours = Limited(factor, factor, by_score, renormalise=True)(routing, True)
    gates = ours.gates / routing.gates.sum(dim=1, keepdim=True)
    torch.testing.assert_close(over_experts(ours, gates).float(), theirs.float())


@pytest.mark.parametrize(("tokens", "experts"), [(24, 8), (40, 4), (64, 16)])
@pytest.mark.parametrize("factor", FACTORS)
def test_dropping_by_position_is_that_of_deepspeeds_gshard(deepspeed, tokens, experts, factor):
    """First choices of all tokens before second ones, and gates renormalised after the drop."""
    routing = decision(random_logits(tokens, experts), 2, renormalised=True)
    logits = routing.logits.float()
    theirs = deepspeed.top2gating(logits, factor, 1, top2_2nd_expert_sampling=False)[1]
    ours = Limited(factor, factor, by_position, renormalise=True)(routing, True)
    torch.testing.assert_close(over_experts(ours, ours.gates).float(), theirs.sum(dim=2).float())

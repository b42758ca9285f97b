from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from triptych.moe import gshard_loss, sequence_loss, switch_loss, z_loss

from .decisions import SIZES, decision, random_logits

pytestmark = pytest.mark.oracle


def check(ours: Callable[[Tensor], Tensor], theirs: Callable[[Tensor], Tensor], logits: Tensor):
    """Value and gradient with respect to the logits."""
    values = [loss(logits) for loss in (ours, theirs)]
    torch.testing.assert_close(*(v.double() for v in values), rtol=1e-5, atol=1e-7)
    grads = [torch.autograd.grad(value, logits)[0] for value in values]
    torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-7)
    assert (grads[1] != 0).any()


def some_padding(tokens: int) -> Tensor:
    return torch.arange(tokens) % 3 != 1


@pytest.mark.parametrize(("tokens", "experts", "top_k"), SIZES)
def test_the_switch_loss_is_megatrons(megatron, tokens, experts, top_k):
    def theirs(logits: Tensor) -> Tensor:
        routing = decision(logits, top_k, renormalised=True)
        return megatron.switch_load_balancing_loss_func(
            probs=routing.probs,
            tokens_per_expert=torch.bincount(routing.experts.flatten(), minlength=experts),
            total_num_tokens=tokens,
            topk=top_k,
            num_experts=experts,
            moe_aux_loss_coeff=1.0,
        )

    logits = random_logits(tokens, experts)
    check(lambda z: switch_loss(decision(z, top_k, renormalised=True)), theirs, logits)


@pytest.mark.parametrize(("tokens", "experts", "top_k"), SIZES)
def test_the_switch_loss_without_padding_is_megatrons(megatron, tokens, experts, top_k):
    valid = some_padding(tokens)

    def theirs(logits: Tensor) -> Tensor:
        routing = decision(logits, top_k, renormalised=True)
        return megatron.switch_load_balancing_loss_func(
            probs=routing.probs,
            tokens_per_expert=torch.bincount(routing.experts[valid].flatten(), minlength=experts),
            total_num_tokens=int(valid.sum()),
            topk=top_k,
            num_experts=experts,
            moe_aux_loss_coeff=1.0,
            padding_mask=valid,
        )

    def ours(logits: Tensor) -> Tensor:
        return switch_loss(replace(decision(logits, top_k, renormalised=True), valid=valid))

    check(ours, theirs, random_logits(tokens, experts))


@pytest.mark.parametrize(("tokens", "experts", "top_k"), SIZES)
@pytest.mark.parametrize("drop", [True, False])
def test_the_switch_loss_is_deepspeeds(deepspeed, tokens, experts, top_k, drop):
    def theirs(logits: Tensor) -> Tensor:
        return deepspeed.topkgating(logits, top_k, 1.0, 1, drop_tokens=drop)[0]

    logits = random_logits(tokens, experts)
    check(lambda z: switch_loss(decision(z, top_k, renormalised=True)), theirs, logits)


@pytest.mark.parametrize(("tokens", "experts", "top_k"), SIZES)
def test_the_switch_loss_is_that_of_transformers_over_k(mixtral, tokens, experts, top_k):
    """Theirs is k times too large: k at perfect balance."""

    def theirs(logits: Tensor) -> Tensor:
        return mixtral.load_balancing_loss_func((logits,), experts, top_k) / top_k

    logits = random_logits(tokens, experts)
    check(lambda z: switch_loss(decision(z, top_k, renormalised=True)), theirs, logits)


@pytest.mark.parametrize(("tokens", "experts", "top_k"), SIZES)
def test_the_switch_loss_with_padding_is_that_of_transformers(mixtral, tokens, experts, top_k):
    valid = some_padding(tokens)

    def theirs(logits: Tensor) -> Tensor:
        mask = valid.long()[None]
        return mixtral.load_balancing_loss_func((logits,), experts, top_k, mask) / top_k

    def ours(logits: Tensor) -> Tensor:
        return switch_loss(replace(decision(logits, top_k, renormalised=True), valid=valid))

    check(ours, theirs, random_logits(tokens, experts))


@pytest.mark.parametrize("sequences", [1, 2, 4])
def test_the_sequence_loss_of_top_1_is_that_of_switch_transformers(switch_transformers, sequences):
    def theirs(logits: Tensor) -> Tensor:
        probs = logits.softmax(dim=1).view(sequences, -1, 8)
        best = probs.argmax(dim=2, keepdim=True)
        return switch_transformers.load_balancing_loss_func(probs, best)

    def ours(logits: Tensor) -> Tensor:
        routing = decision(logits, 1, renormalised=False)
        return sequence_loss(replace(routing, sequences=sequences))

    check(ours, theirs, random_logits(24, 8))


@pytest.mark.parametrize(("tokens", "experts", "top_k"), SIZES)
def test_the_gshard_loss_is_deepspeeds_whatever_is_dropped(deepspeed, tokens, experts, top_k):
    def theirs(logits: Tensor) -> Tensor:
        return deepspeed.top2gating(logits.float(), 1.0, 1, top2_2nd_expert_sampling=False)[0]

    logits = random_logits(tokens, experts)
    check(lambda z: gshard_loss(decision(z, top_k, renormalised=True)), theirs, logits)


@pytest.mark.parametrize(("tokens", "experts", "top_k"), SIZES)
def test_the_gshard_loss_is_that_of_fairscale_times_the_square_of_experts(
    fairscale, tokens, experts, top_k
):
    """Theirs is the paper's, 1 / E^2 at perfect balance."""

    def theirs(logits: Tensor) -> Tensor:
        return fairscale.top2gating(logits)[0] * experts**2

    logits = random_logits(tokens, experts)
    check(lambda z: gshard_loss(decision(z, top_k, renormalised=True)), theirs, logits)


@pytest.mark.parametrize(("tokens", "experts", "top_k"), SIZES)
def test_the_z_loss_is_megatrons_and_that_of_switch_transformers(
    megatron, switch_transformers, tokens, experts, top_k
):
    def ours(logits: Tensor) -> Tensor:
        return z_loss(decision(logits, top_k, renormalised=True))

    logits = random_logits(tokens, experts)
    check(ours, lambda z: megatron.z_loss_func(z, 1.0), logits)
    check(ours, lambda z: switch_transformers.router_z_loss_func(z[None]), logits)


@pytest.mark.parametrize(("tokens", "experts", "top_k"), SIZES)
def test_the_z_loss_without_padding_is_megatrons(megatron, tokens, experts, top_k):
    valid = some_padding(tokens)

    def ours(logits: Tensor) -> Tensor:
        return z_loss(replace(decision(logits, top_k, renormalised=True), valid=valid))

    def theirs(logits: Tensor) -> Tensor:
        return megatron.z_loss_func(logits, 1.0, padding_mask=~valid)  # here True is padding

    check(ours, theirs, random_logits(tokens, experts))

"""What holds for every router, as its configuration makes it."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from triptych.moe import FrozenProjection, MoE, Router, Routing, SoftRouter, StackedMLP

from ...routers import ROUTERS, fitting_top_k, router

WIDTH, EXPERTS = 8, 5  # four patches of two, for the router that goes by patches
COMPARING = {"expert_choice"}  # tokens compete in evaluation too
every_router = pytest.mark.parametrize("name", ROUTERS)


def made(name: str) -> Router:
    """In double precision, with scores that are far apart."""
    torch.manual_seed(0)
    built = router(name, WIDTH, EXPERTS).double()
    with torch.no_grad():
        for parameter in built.parameters():
            if parameter.ndim == 2:
                parameter.normal_()
    return built


def tokens(number: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(number, WIDTH, generator=generator, dtype=torch.double)


def same(ours: Routing, theirs: Routing) -> bool:
    pairs = zip(vars(ours).items(), vars(theirs).values(), strict=True)
    return all(
        torch.equal(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else a is b
        for (name, a), b in pairs
        if name != "sequences"
    )


@every_router
@pytest.mark.parametrize("training", [True, False])
@settings(max_examples=15)
@given(number=st.integers(0, 12), seed=st.integers(0, 100), data=st.data())
def test_a_decision_is_whole(name, training, number, seed, data):
    valid = data.draw(st.none() | st.lists(st.booleans(), min_size=number, max_size=number))
    mask = None if valid is None else torch.tensor(valid, dtype=torch.bool)
    decision = made(name).train(training)(tokens(number, seed), mask)
    assert decision.probs.shape == decision.logits.shape == (number, EXPERTS)
    torch.testing.assert_close(decision.probs.sum(dim=1), torch.ones(number, dtype=torch.double))
    for ids in decision.experts.tolist():
        assert len(set(ids)) == len(ids)
        assert set(ids) <= set(range(EXPERTS))
    assert (decision.gates >= 0).all()
    counted = decision.counted()
    if counted is None:
        assert decision.load().sum() == decision.experts.numel()
    else:
        assert (decision.gates[~counted] == 0).all()
        assert decision.load().sum() == counted.sum()
    if valid is not None:
        assert torch.equal(decision.valid, mask)


@every_router
def test_evaluation_is_bit_equal_twice_and_draws_no_random_number(name):
    built, x = made(name).eval(), tokens(40)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = built(x)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert same(built(x), first)


@every_router
def test_what_is_random_in_training_follows_the_seed(name):
    built, x = made(name), tokens(40)
    torch.manual_seed(1)
    first = built(x)
    torch.manual_seed(1)
    assert same(built(x), first)


# Not 1: Sinkhorn makes all experts equal for a token that is alone, and rounding would choose.
SOME = st.sampled_from([0, 2, 3, 5, 10])


@every_router
@settings(max_examples=15)
@given(number=SOME, padding=st.integers(0, 6), seed=st.integers(0, 100))
def test_real_tokens_are_routed_as_if_there_were_no_padding(name, number, padding, seed):
    x, rubbish = tokens(number, seed), 100 * tokens(padding, seed + 1)
    order = torch.randperm(number + padding, generator=torch.Generator().manual_seed(seed))
    place = order.argsort()[:number]  # where the real tokens are, in any order
    mixed = torch.cat([x, rubbish])[order]
    valid = order < number
    for training in (False, True):
        built = made(name).train(training)
        if training and random_in_training(built):
            continue
        alone, among = built(x), built(mixed, valid)
        assert torch.equal(among.experts[place], alone.experts)
        torch.testing.assert_close(among.gates[place], alone.gates)
        assert torch.equal(among.load(), alone.load())
        assert not among.gates[~valid].any()


def random_in_training(built: Router) -> bool:
    built, x = copy.deepcopy(built).train(), tokens(64)
    torch.manual_seed(0)
    first = built(x)
    return not same(built(x), first)


@every_router
@pytest.mark.parametrize("number", [0, 3])
@pytest.mark.parametrize("training", [True, False])
def test_padding_alone_counts_nowhere_and_is_a_number(name, number, training):
    built = made(name).train(training)
    decision = built(tokens(number), torch.zeros(number, dtype=torch.bool))
    assert not decision.load().any()
    assert not decision.gates.any()
    assert torch.isfinite(decision.gates).all()


@every_router
def test_in_evaluation_a_token_is_routed_the_same_in_any_company(name):
    built, x = made(name).eval(), tokens(9)
    one_by_one = torch.cat([built(row[None]).gates for row in x])
    together = torch.allclose(built(x).gates, one_by_one)
    assert together == (name not in COMPARING)


@every_router
def test_the_task_teaches_every_weight_of_the_router(name):
    built = made(name)
    torch.manual_seed(0)
    bank = StackedMLP(EXPERTS, WIDTH, 3, d_hidden=8).double()
    y, _ = MoE(built, bank)(tokens(64))
    torch.nn.functional.cross_entropy(y, torch.arange(64) % 3).backward()
    frozen = any(isinstance(part, FrozenProjection) for part in built.modules())
    assert bool(list(built.parameters())) != frozen
    for weight, parameter in built.named_parameters():
        assert parameter.grad is not None, weight
        assert float(parameter.grad.norm()) > 1e-5, weight


@every_router
def test_a_single_token_leaves_no_weight_without_gradient(name):
    """Else plain DDP waits for ever."""
    layer = MoE(made(name), StackedMLP(EXPERTS, WIDTH, 3, d_hidden=8).double())
    layer(tokens(1))[0].sum().backward()
    assert [n for n, p in layer.named_parameters() if p.grad is None] == []


@every_router
@pytest.mark.parametrize("training", [True, False])
def test_half_precision_decides_in_single(name, training):
    built = made(name).bfloat16().train(training)
    decision = built(tokens(8).bfloat16())
    assert decision.probs.dtype == decision.gates.dtype == decision.logits.dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        assert built.float()(tokens(8).float()).gates.dtype == torch.float32


@every_router
@pytest.mark.parametrize("training", [True, False])
def test_tokens_that_are_no_numbers_get_experts_that_exist(name, training):
    """The loss says that training diverged, in one line; a router must let it."""
    decision = made(name).train(training)(tokens(8) * torch.nan)
    assert ((decision.experts >= 0) & (decision.experts < EXPERTS)).all()


@every_router
def test_the_number_of_routes_is_as_promised(name):
    built, x = made(name).eval(), tokens(10 * EXPERTS)
    wanted = EXPERTS if isinstance(built, SoftRouter) else fitting_top_k(name)
    assert built.routes_per_token == wanted
    assert int(built(x).load().sum()) == wanted * len(x)


@every_router
def test_a_state_dict_brings_back_every_decision(name):
    built, other, x = made(name).eval(), router(name, WIDTH, EXPERTS).double().eval(), tokens(20)
    assert not same(other(x), built(x))
    other.load_state_dict(built.state_dict())
    assert same(other(x), built(x))

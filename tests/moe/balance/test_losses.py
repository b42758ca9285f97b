import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from triptych.moe import Routing, squared_deviation_loss, switch_loss

from ..cases import Shape, layer, routing, tokens

LOSSES = [switch_loss, squared_deviation_loss]


def balanced(experts: int, top_k: int) -> Routing:
    """Token t goes to t, t + 1, ..., with uniform probabilities."""
    ids = [[(t + k) % experts for k in range(top_k)] for t in range(experts)]
    return routing(ids, torch.full((experts, experts), 1 / experts, dtype=torch.double))


@pytest.mark.parametrize("top_k", [1, 2, 4])
@pytest.mark.parametrize("experts", [4, 8, 13])
def test_the_switch_loss_is_exactly_one_at_balance_for_any_k(experts, top_k):
    """N1 of the source study, and the factor k that several libraries have."""
    assert float(switch_loss(balanced(experts, top_k))) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("top_k", [1, 2, 4])
@pytest.mark.parametrize("experts", [4, 8])
def test_the_switch_loss_is_e_over_k_when_the_same_experts_always_win(experts, top_k):
    probs = torch.zeros(6, experts, dtype=torch.double)
    probs[:, :top_k] = 1 / top_k
    decision = routing([list(range(top_k))] * 6, probs)
    assert float(switch_loss(decision)) == pytest.approx(experts / top_k, abs=1e-12)


@pytest.mark.parametrize("top_k", [1, 2, 4])
def test_the_squared_deviation_is_zero_at_balance(top_k):
    """N1 of the source study: a target of B k / E for gates that sum to 1 gave 10.24 instead."""
    assert float(squared_deviation_loss(balanced(8, top_k))) == pytest.approx(0.0, abs=1e-15)


def test_the_squared_deviation_of_a_small_case():
    probs = torch.tensor([[0.75, 0.25], [0.75, 0.25]])
    # Gates of top-1: .75 and .75, all on expert 0: shares (1, 0), mean of (.5^2, .5^2).
    assert float(squared_deviation_loss(routing([[0], [0]], probs))) == pytest.approx(0.25)
    # Gates of top-2: shares (.75, .25), mean of (.25^2, .25^2).
    both = routing([[0, 1], [0, 1]], probs)
    assert float(squared_deviation_loss(both)) == pytest.approx(0.0625)


def test_the_switch_loss_of_a_small_case():
    probs = torch.tensor([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]])
    # f = (2, 1, 1) / 4, P = (.65, .25, .1): 3 * (.325 + .0625 + .025)
    assert float(switch_loss(routing([[0, 1], [0, 2]], probs))) == pytest.approx(1.2375)


@pytest.mark.parametrize("loss", LOSSES)
@given(times=st.integers(2, 5), seed=st.integers(0, 50), top_k=st.integers(1, 4))
def test_the_balance_loss_does_not_change_when_the_batch_is_replicated(loss, times, seed, top_k):
    """N2 of the source study: squared counts made the coefficient depend on the batch size."""
    shape = Shape(6, 3, 2, 4, 4, top_k, seed)
    router, x = layer(shape).router, tokens(shape)
    once = loss(router(x))
    (grad,) = torch.autograd.grad(once, router.scores.linear.weight)
    again = loss(router(x.repeat(times, 1)))
    (grad_again,) = torch.autograd.grad(again, router.scores.linear.weight)
    torch.testing.assert_close(again, once)
    torch.testing.assert_close(grad_again, grad)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_balance_loss_does_not_depend_on_the_order_of_tokens(loss):
    shape = Shape(12, 3, 2, 4, 4, 2, 0)
    router, x = layer(shape).router, tokens(shape)
    torch.testing.assert_close(loss(router(x.flip(0))), loss(router(x)))


@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_the_gradient_of_the_switch_loss_is_the_analytic_one_through_p_alone(top_k):
    scores = torch.randn(7, 5, dtype=torch.double, requires_grad=True)
    decision = decide(scores, top_k)
    switch_loss(decision).backward()
    # dL/dz_t = E / T * p_t * (f - <f, p_t>)
    f = decision.load().double() / (7 * top_k)
    p = decision.probs.detach()
    wanted = 5 / 7 * p * (f - (p * f).sum(dim=1, keepdim=True))
    torch.testing.assert_close(scores.grad, wanted)


def decide(scores: Tensor, top_k: int) -> Routing:
    probs = torch.softmax(scores, dim=1)
    return routing(probs.topk(top_k, dim=1).indices.tolist(), probs)


@pytest.mark.parametrize("top_k", [1, 2])
def test_descending_the_squared_deviation_evens_the_gates(top_k):
    torch.manual_seed(0)
    scores = (torch.randn(64, 4) + torch.tensor([2.0, 0.0, 0.0, 0.0])).requires_grad_()
    before = squared_deviation_loss(decide(scores, top_k))
    for _ in range(200):
        (grad,) = torch.autograd.grad(squared_deviation_loss(decide(scores, top_k)), scores)
        scores = (scores - 20 * grad).detach().requires_grad_()
    assert squared_deviation_loss(decide(scores, top_k)) < 0.1 * before


@pytest.mark.parametrize("loss", LOSSES)
def test_one_expert_is_always_balanced(loss):
    decision = routing([[0]] * 5, torch.ones(5, 1))
    assert float(loss(decision)) == (1.0 if loss is switch_loss else 0.0)

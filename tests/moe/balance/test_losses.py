"""Hand-computed cases of each loss, and the gradients that the papers imply."""

import math
from dataclasses import replace

import pytest
import torch

from triptych.errors import IncompatibleSettings
from triptych.moe import (
    Routing,
    gshard_loss,
    importance_load_loss,
    importance_loss,
    sequence_loss,
    squared_deviation_loss,
    switch_loss,
    z_loss,
)

from ..cases import routing
from .losses import decided, random_logits


@pytest.mark.parametrize("top_k", [1, 2, 4])
@pytest.mark.parametrize("experts", [4, 8])
def test_the_switch_loss_is_e_over_k_when_the_same_experts_always_win(experts, top_k):
    probs = torch.zeros(6, experts, dtype=torch.double)
    probs[:, :top_k] = 1 / top_k
    decision = routing([list(range(top_k))] * 6, probs)
    assert float(switch_loss(decision)) == pytest.approx(experts / top_k, abs=1e-12)


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


@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_the_gradient_of_the_switch_loss_is_the_analytic_one_through_p_alone(top_k):
    scores = torch.randn(7, 5, dtype=torch.double, requires_grad=True)
    decision = decided(scores, top_k)
    switch_loss(decision).backward()
    # dL/dz_t = E / T * p_t * (f - <f, p_t>)
    f = decision.load().double() / (7 * top_k)
    p = decision.probs.detach()
    wanted = 5 / 7 * p * (f - (p * f).sum(dim=1, keepdim=True))
    torch.testing.assert_close(scores.grad, wanted)


@pytest.mark.parametrize("top_k", [1, 2])
def test_descending_the_squared_deviation_evens_the_gates(top_k):
    torch.manual_seed(0)
    scores = (torch.randn(64, 4) + torch.tensor([2.0, 0.0, 0.0, 0.0])).requires_grad_()
    before = squared_deviation_loss(decided(scores, top_k))
    for _ in range(200):
        (grad,) = torch.autograd.grad(squared_deviation_loss(decided(scores, top_k)), scores)
        scores = (scores - 20 * grad).detach().requires_grad_()
    assert squared_deviation_loss(decided(scores, top_k)) < 0.1 * before


def test_the_gshard_loss_counts_first_choices_alone():
    probs = torch.tensor([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])
    # f = (2, 0, 1) / 3, P = (1.4, .7, .9) / 3: 3 * (2.8 + .9) / 9
    assert float(gshard_loss(routing([[0, 1], [0, 1], [2, 1]], probs))) == pytest.approx(3.7 / 3)


def test_the_gradient_of_the_gshard_loss_is_that_of_the_switch_loss_with_one_choice():
    logits = random_logits(7, 5, 0).requires_grad_()
    both = (gshard_loss(decided(logits, 3)), switch_loss(decided(logits, 1)))
    first, second = (torch.autograd.grad(loss, logits)[0] for loss in both)
    torch.testing.assert_close(first, second)


def test_importance_is_the_population_variance_of_the_gates_over_their_squared_mean():
    """Pitfall 21: with an unbiased variance this would be .2667."""
    gates = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    probs = torch.full((4, 4), 0.25)
    decision = Routing(torch.arange(4)[:, None], gates, probs, probs)
    assert float(importance_loss(decision)) == pytest.approx(0.2)  # 1.25 / 2.5^2
    assert float(squared_deviation_loss(decision)) == pytest.approx(0.0125)
    scaled = replace(decision, gates=7 * gates)
    torch.testing.assert_close(importance_loss(scaled), importance_loss(decision))


def test_importance_and_load_of_a_small_case():
    probs = torch.tensor([[0.5, 0.4, 0.1], [0.3, 0.3, 0.4], [0.1, 0.2, 0.7], [0.8, 0.2, 0.0]])
    chances = torch.tensor([[1.0, 0.5, 0.0], [1.0, 0.5, 0.0], [1.0, 0.5, 0.0], [1.0, 0.5, 0.0]])
    decision = replace(routing([[0], [2], [2], [0]], probs), chances=chances)
    # Importance (1.7, 1.1, 1.2): mean 4/3, squares of differences .1344, .0544, .0178, CV^2 .03875.
    # Load (4, 2, 0): mean 2, variance 8/3, CV^2 2/3.
    wanted = (0.03875 + 2 / 3) / 2
    assert float(importance_load_loss(decision)) == pytest.approx(wanted, abs=1e-5)


def test_importance_and_load_need_a_router_with_noise():
    decision = replace(decided(random_logits(3, 4, 0), 2), chances=None)
    with pytest.raises(IncompatibleSettings, match="needs a router with noise"):
        importance_load_loss(decision)


def test_the_sequence_loss_is_the_mean_switch_loss_of_the_sequences():
    logits, valid = (
        random_logits(12, 4, 0),
        torch.tensor([True, True, True, False] * 2 + [False] * 4),
    )
    parts = [switch_loss(decided(logits[rows], 2)) for rows in (slice(0, 3), slice(4, 7))]
    found = sequence_loss(decided(logits, 2, valid, sequences=3))
    torch.testing.assert_close(found, sum(parts) / 2)


def test_a_batch_can_be_balanced_while_none_of_its_sequences_is():
    logits = torch.tensor([[9.0, 0.0], [9.0, 0.0], [0.0, 9.0], [0.0, 9.0]], dtype=torch.double)
    assert float(switch_loss(decided(logits, 1))) == pytest.approx(1.0)
    assert float(sequence_loss(decided(logits, 1, sequences=2))) == pytest.approx(2.0, abs=1e-3)


@pytest.mark.parametrize("experts", [1, 2, 8])
def test_the_z_loss_of_equal_logits_is_the_square_of_log_e(experts):
    for level in (0.0, -3.0):
        logits = torch.full((5, experts), level)
        wanted = (math.log(experts) + level) ** 2
        assert float(z_loss(decided(logits, 1))) == pytest.approx(wanted, abs=1e-6)


def test_the_gradient_of_the_z_loss_is_the_analytic_one():
    logits = random_logits(7, 5, 1).requires_grad_()
    z_loss(decided(logits, 2)).backward()
    # dL/dz_t = 2 / T * log sum exp(z_t) * p_t
    size = torch.logsumexp(logits.detach(), dim=1, keepdim=True)
    torch.testing.assert_close(logits.grad, 2 / 7 * size * torch.softmax(logits.detach(), dim=1))


def test_the_balance_of_several_layers_is_not_pooled():
    """Pitfall 2: two layers that each collapse on another half look even when counted together."""
    left = decided(torch.tensor([[9.0, 9.0, 0.0, 0.0]] * 4, dtype=torch.double), 2)
    right = decided(torch.tensor([[0.0, 0.0, 9.0, 9.0]] * 4, dtype=torch.double), 2)
    mean = (switch_loss(left) + switch_loss(right)) / 2
    assert float(mean) == pytest.approx(2.0, abs=1e-3)

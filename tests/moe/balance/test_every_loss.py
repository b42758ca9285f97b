"""What holds for each loss under conf/model/balance, with no list to keep up to date."""

from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from triptych.moe import Limited, by_score

from .losses import AT_BALANCE, LOSSES, balanced, decided, random_logits, value_and_gradient

few = settings(max_examples=25)
each_loss = pytest.mark.parametrize("name", LOSSES)
SIZES = st.tuples(
    st.integers(1, 9), st.integers(2, 6), st.integers(1, 2), st.integers(0, 10_000)
)  # tokens, experts, top_k, seed


@pytest.mark.parametrize("name", AT_BALANCE)
@pytest.mark.parametrize("top_k", [1, 2, 4])
@pytest.mark.parametrize("experts", [1, 4, 8, 13])
def test_the_value_at_perfect_balance_is_the_stated_one_for_any_k(name, experts, top_k):
    """The factor k that several libraries have, and E^2 that others lack."""
    found = LOSSES[name](balanced(experts, min(top_k, experts)))
    assert float(found) == pytest.approx(AT_BALANCE[name](experts), abs=1e-12)


@each_loss
@few
@given(SIZES)
def test_the_gradient_is_that_of_finite_differences(name, sizes):
    """Counts are steps, so they carry none: only what is smooth does."""
    tokens, experts, top_k, seed = sizes
    logits = random_logits(tokens, experts, seed)
    best = logits.sort(dim=1).values
    assume(bool((best[:, 1:] - best[:, :-1]).min() > 1e-4))  # no choice flips within a step
    _, gradient = value_and_gradient(LOSSES[name], logits, top_k=top_k)
    step = 1e-6
    for place in torch.randperm(logits.numel())[:6].tolist():
        nudge = torch.zeros_like(logits).view(-1)
        nudge[place] = step
        up, down = (
            LOSSES[name](decided(logits + sign * nudge.view_as(logits), top_k)) for sign in (1, -1)
        )
        difference = float(up - down) / (2 * step)
        assert float(gradient.view(-1)[place]) == pytest.approx(difference, abs=1e-6, rel=1e-5)


@each_loss
@few
@given(SIZES, st.lists(st.booleans(), min_size=1, max_size=9))
def test_padding_may_be_there_or_not(name, sizes, holes):
    """Values and gradients; the padding itself gets none."""
    tokens, experts, top_k, seed = sizes
    logits = random_logits(tokens, experts, seed)
    valid = torch.tensor((holes * tokens)[:tokens])
    wanted, gradient = value_and_gradient(LOSSES[name], logits[valid], top_k=top_k)
    padded = logits.clone()
    padded[~valid] *= 50
    found, padded_gradient = value_and_gradient(LOSSES[name], padded, top_k=top_k, valid=valid)
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(padded_gradient[valid], gradient)
    assert not padded_gradient[~valid].any()


@each_loss
@few
@given(SIZES, st.integers(2, 4))
def test_a_batch_several_times_over_gives_the_same(name, sizes, times):
    """N2 of the source study: squared counts made the coefficient depend on the batch size."""
    tokens, experts, top_k, seed = sizes
    logits = random_logits(tokens, experts, seed)
    wanted, gradient = value_and_gradient(LOSSES[name], logits, top_k=top_k)
    for sequences in (1, times):
        found, parts = value_and_gradient(
            LOSSES[name], logits.repeat(times, 1), top_k=top_k, sequences=sequences
        )
        torch.testing.assert_close(found, wanted)
        torch.testing.assert_close(parts.view(times, tokens, experts).sum(dim=0), gradient)


@each_loss
@few
@given(SIZES)
def test_neither_the_order_of_tokens_nor_the_numbers_of_experts_matter(name, sizes):
    tokens, experts, top_k, seed = sizes
    logits = random_logits(tokens, experts, seed)
    wanted, gradient = value_and_gradient(LOSSES[name], logits, top_k=top_k)
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(tokens, generator=generator)
    columns = torch.randperm(experts, generator=generator)
    found, moved = value_and_gradient(LOSSES[name], logits[rows][:, columns], top_k=top_k)
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(moved, gradient[rows][:, columns])


@each_loss
@pytest.mark.parametrize(("tokens", "sequences"), [(0, 0), (0, 1), (0, 3), (6, 1), (6, 2)])
def test_without_any_real_token_it_is_zero_with_a_finite_gradient(name, tokens, sequences):
    valid = torch.zeros(tokens, dtype=torch.bool)
    logits = random_logits(tokens, 4, 0)
    for mask in (valid, None) if tokens == 0 else (valid,):
        found, gradient = value_and_gradient(
            LOSSES[name], logits, top_k=2, valid=mask, sequences=sequences
        )
        assert float(found) == 0.0
        assert torch.equal(gradient, torch.zeros_like(logits))


@each_loss
@few
@given(SIZES)
def test_routes_that_are_dropped_count_like_the_others(name, sizes):
    """Else a full expert would look like one that gets just its share."""
    tokens, experts, top_k, seed = sizes
    logits = random_logits(tokens, experts, seed).requires_grad_()
    whole = decided(logits, top_k)
    limited = Limited(0.5, 0.5, by_score, renormalise=True)(whole, training=True)
    values = [LOSSES[name](routing) for routing in (whole, limited)]
    torch.testing.assert_close(values[1], values[0])
    if values[0].requires_grad:
        one, two = (torch.autograd.grad(v, logits, retain_graph=True)[0] for v in values)
        torch.testing.assert_close(two, one)


@each_loss
def test_it_is_a_scalar_in_the_precision_of_the_probabilities(name):
    for dtype in (torch.float32, torch.float64):
        value = LOSSES[name](decided(random_logits(5, 4, 0).to(dtype), 2))
        assert (value.shape, value.dtype) == (torch.Size(()), dtype)


@each_loss
def test_routes_that_were_not_chosen_do_not_count(name):
    """A router may give a token fewer experts than there are columns."""
    logits = random_logits(7, 4, 3)
    two = decided(logits, 2)
    first = replace(
        two,
        chosen=torch.tensor([[True, False]] * 7),
        gates=two.gates * torch.tensor([1.0, 0.0], dtype=torch.double),
    )
    only = replace(two, experts=two.experts[:, :1], gates=two.gates[:, :1])
    torch.testing.assert_close(LOSSES[name](first), LOSSES[name](only))

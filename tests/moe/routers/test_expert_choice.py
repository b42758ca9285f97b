import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.moe import ExpertChoice

from ..cases import reading_logits, rows


def test_each_expert_takes_the_tokens_that_want_it_most():
    # Probability of expert 0: .9, .8, .7, .6. Each expert takes 1 * 4 / 2 = 2 of the 4 tokens.
    first = torch.tensor([0.9, 0.8, 0.7, 0.6], dtype=torch.double)
    router = reading_logits(ExpertChoice(2, 2, top_k=1))
    decision = router(torch.stack([first, 1 - first], dim=1).log())
    assert decision.experts.tolist() == [[0, 1]] * 4
    assert decision.chosen.tolist() == [[True, False], [True, False], [False, True], [False, True]]
    torch.testing.assert_close(decision.gates, rows([0.9, 0], [0.8, 0], [0, 0.3], [0, 0.4]))


def test_a_token_may_get_no_expert_and_another_all():
    # Token 0 is second to none for both experts only if both columns put it first.
    router = reading_logits(ExpertChoice(3, 3, top_k=1))
    p = rows([0.5, 0.45, 0.05], [0.4, 0.4, 0.2], [0.05, 0.05, 0.9])
    decision = router(p.log())  # each expert takes one token
    assert decision.chosen.sum(dim=1).tolist() == [2, 0, 1]


@settings(max_examples=30)
@given(st.integers(0, 13), st.integers(1, 5), st.data())
def test_loads_are_equal_and_no_token_is_taken_twice_by_one_expert(number, experts, data):
    top_k = data.draw(st.integers(1, experts))
    valid = torch.tensor(data.draw(st.lists(st.booleans(), min_size=number, max_size=number)))
    x = torch.randn(number, experts, dtype=torch.double)
    router = reading_logits(ExpertChoice(experts, experts, top_k=top_k))
    decision = router(x, valid.bool())
    room = math.ceil(top_k * int(valid.sum()) / experts)
    assert decision.load().tolist() == [room] * experts

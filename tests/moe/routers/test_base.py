import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.errors import IncompatibleSettings
from triptych.moe import BaseAssignment
from triptych.moe.routers.base import balanced_assignment

from ..cases import reading_logits, rows


@settings(max_examples=40)
@given(st.integers(0, 5), st.integers(1, 3), st.integers(0, 1000))
def test_no_balanced_assignment_has_a_larger_sum(tokens, experts, seed):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(tokens, experts, dtype=torch.double, generator=generator)
    room = math.ceil(tokens / experts)
    found = balanced_assignment(scores).tolist()
    allowed = [
        ids
        for ids in itertools.product(range(experts), repeat=tokens)
        if all(ids.count(e) <= room for e in range(experts))
    ]
    assert tuple(found) in allowed
    total = [sum(float(scores[t, e]) for t, e in enumerate(ids)) for ids in allowed]
    reached = sum(float(scores[t, e]) for t, e in enumerate(found))
    assert reached == pytest.approx(max(total))


def test_in_training_tokens_are_shared_out_and_in_evaluation_each_takes_its_best():
    logits = rows([5.0, 1.0], [5.0, 0.0], [5.0, -1.0], [5.0, -2.0])
    router = reading_logits(BaseAssignment(2, 2))
    assert router(logits).experts.flatten().tolist() == [1, 1, 0, 0]
    assert router.eval()(logits).experts.flatten().tolist() == [0, 0, 0, 0]


def test_padding_takes_no_place():
    logits = rows([9.0, 0.0], [1.0, 0.0], [9.0, 0.0], [2.0, 0.0])
    valid = torch.tensor([False, True, False, True])
    decision = reading_logits(BaseAssignment(2, 2))(logits, valid)
    assert decision.experts[valid].flatten().tolist() == [1, 0]
    assert decision.load().tolist() == [1, 1]


@pytest.mark.parametrize("training", [True, False])
def test_the_gate_is_the_sigmoid_of_the_chosen_logit(training):
    logits = torch.randn(10, 4, dtype=torch.double)
    decision = reading_logits(BaseAssignment(4, 4)).train(training)(logits)
    torch.testing.assert_close(decision.gates, torch.sigmoid(logits).gather(1, decision.experts))


@pytest.mark.parametrize("top_k", [0, 2])
def test_another_number_of_experts_is_refused_in_one_line(top_k):
    with pytest.raises(IncompatibleSettings, match=rf"top_k must be 1, got {top_k}: set"):
        BaseAssignment(4, 4, top_k=top_k)

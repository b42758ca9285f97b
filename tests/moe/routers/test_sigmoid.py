import math

import pytest
import torch

from triptych.moe import SigmoidTopK

from ..cases import reading_logits, rows

LN3 = math.log(3)  # sigmoid(ln 3) = 3/4, sigmoid(0) = 1/2, sigmoid(-ln 3) = 1/4


def test_gates_of_several_experts_are_their_shares_of_the_chosen_sigmoids():
    decision = reading_logits(SigmoidTopK(3, 3, top_k=2))(rows([0.0, LN3, -LN3]))
    assert decision.experts.tolist() == [[1, 0]]
    torch.testing.assert_close(decision.gates, rows([0.75 / 1.25, 0.5 / 1.25]))
    torch.testing.assert_close(decision.probs, rows([0.5 / 1.5, 0.75 / 1.5, 0.25 / 1.5]))


def test_the_gate_of_one_expert_is_its_raw_sigmoid():
    decision = reading_logits(SigmoidTopK(3, 3, top_k=1))(rows([0.0, LN3, -LN3]))
    torch.testing.assert_close(decision.gates, rows([0.75]))


@pytest.mark.parametrize("level", [-500.0, 500.0])
def test_scores_that_all_vanish_or_all_saturate_still_sum_to_one(level):
    """A small constant in the sum would let a balance loss be cheated by vanishing scores."""
    router = reading_logits(SigmoidTopK(3, 3, top_k=2)).float()
    decision = router(torch.tensor([[level, level - 1, level - 2]]))
    assert float(decision.gates.detach().sum()) == pytest.approx(1.0)
    assert float(decision.probs.detach().sum()) == pytest.approx(1.0)
    if level < 0:  # there a sigmoid is an exponential
        wanted = torch.softmax(torch.tensor([[0.0, -1.0, -2.0]]), dim=1)
        torch.testing.assert_close(decision.probs, wanted)

import pytest
import torch

from triptych.errors import IncompatibleSettings
from triptych.moe import GShardTop2

from ..cases import reading_logits, rows

# Probabilities .6, .3, .1: gates 2/3 and 1/3, so the second expert is asked 2 times out of 3.
LOGITS = rows([0.6, 0.3, 0.1]).log()
MANY = 20_000


def test_in_training_the_second_expert_is_asked_with_twice_its_gate():
    torch.manual_seed(0)
    decision = reading_logits(GShardTop2(3, 3))(LOGITS.expand(MANY, 3))
    first, second = decision.chosen.double().mean(dim=0)
    assert float(first) == 1.0
    assert float(second) == pytest.approx(2 / 3, abs=0.015)
    assert decision.load().tolist() == [MANY, int(decision.chosen[:, 1].sum()), 0]


def test_the_first_gate_does_not_grow_where_the_second_expert_is_not_asked():
    decision = reading_logits(GShardTop2(3, 3))(LOGITS.expand(100, 3))
    torch.testing.assert_close(decision.gates[:, 0], torch.full((100,), 2 / 3).double())
    wanted = torch.where(decision.chosen[:, 1], 1 / 3, 0.0).double()
    torch.testing.assert_close(decision.gates[:, 1], wanted)
    assert 0 < int(decision.chosen[:, 1].sum()) < 100


def test_experts_that_are_equally_good_are_always_both_asked():
    decision = reading_logits(GShardTop2(3, 3))(rows([1.0, 1.0, -9.0]).expand(1000, 3))
    assert decision.chosen.all()


def test_in_evaluation_the_second_expert_is_always_asked():
    decision = reading_logits(GShardTop2(3, 3)).eval()(LOGITS)
    assert decision.chosen is None
    assert decision.experts.tolist() == [[0, 1]]
    torch.testing.assert_close(decision.gates, rows([2 / 3, 1 / 3]))


@pytest.mark.parametrize("top_k", [0, 1, 3])
def test_another_number_of_experts_is_refused_in_one_line(top_k):
    with pytest.raises(IncompatibleSettings, match=rf"top_k must be 2, got {top_k}: set"):
        GShardTop2(4, 4, top_k=top_k)

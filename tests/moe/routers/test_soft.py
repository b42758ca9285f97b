import pytest
import torch
from torch.nn import functional as F

from triptych.errors import InvalidSetting
from triptych.moe import LinearScores, MoE, SoftRouter, StackedMLP

from ..cases import rows


def test_every_expert_answers_and_the_softmax_weighs_it():
    torch.manual_seed(0)
    layer = MoE(SoftRouter(4, 3), StackedMLP(3, 4, 2, d_hidden=5)).double()
    x = torch.randn(6, 4, dtype=torch.double)
    answers = torch.stack([expert(x) for expert in layer.experts.each()])  # (E T O)
    y, decision = layer(x)
    torch.testing.assert_close(y, torch.einsum("te,eto->to", decision.probs, answers))
    assert decision.load().tolist() == [6, 6, 6]


def test_the_most_probable_expert_comes_first():
    router = SoftRouter(3, 3, scores=LinearScores).double()
    with torch.no_grad():
        router.scores.linear.weight.copy_(torch.eye(3))
    decision = router(rows([0.0, 2.0, 1.0]))
    assert decision.experts.tolist() == [[1, 2, 0]]
    torch.testing.assert_close(decision.gates, torch.softmax(rows([2.0, 1.0, 0.0]), dim=1))


def test_scores_are_cosines_times_a_learned_scale():
    torch.manual_seed(0)
    router, x = SoftRouter(4, 3).double(), 50 * torch.randn(6, 4, dtype=torch.double)
    with torch.no_grad():
        router.scores.scale.fill_(7.0)
        router.scores.linear.weight.mul_(9)
    cosines = F.cosine_similarity(x[:, None], router.scores.linear.weight[None], dim=2)
    torch.testing.assert_close(router(x).logits, 7 * cosines)
    assert SoftRouter(4, 3).scores.scale.item() == 1.0


def test_no_experts_are_refused():
    with pytest.raises(InvalidSetting, match="num_experts must be at least 1, got 0"):
        SoftRouter(4, 0)

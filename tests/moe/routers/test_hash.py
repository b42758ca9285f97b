import torch

from triptych.moe import HashTopK, ScrambledScores, StackedMLP, switch_loss
from triptych.moe.layer import MoE


def test_gates_are_equal_and_probabilities_are_those_of_a_fair_pick_among_the_chosen():
    router = HashTopK(4, 6, top_k=2)
    decision = router(torch.randn(9, 4))
    assert (decision.gates == 0.5).all()
    wanted = torch.zeros(9, 6).scatter(1, decision.experts, 0.5)
    assert torch.equal(decision.probs, wanted)


def test_experts_are_those_of_the_largest_projections():
    router = HashTopK(2, 3, top_k=1)
    router.scores.projection.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]))
    decision = router(torch.tensor([[2.0, 1.0], [1.0, 2.0], [-1.0, -1.0]]))
    assert decision.experts.tolist() == [[0], [1], [2]]


def test_nothing_is_learned_and_nothing_changes_in_training():
    layer = MoE(HashTopK(4, 6, top_k=2), StackedMLP(6, 4, 3, d_hidden=5))
    x = torch.randn(50, 4, requires_grad=True)
    before = layer.router(x).experts
    y, decision = layer(x)
    (y.square().sum() + switch_loss(decision)).backward()
    assert list(layer.router.parameters()) == []
    assert layer.router.scores.projection.grad is None
    torch.optim.SGD(layer.parameters(), lr=1.0).step()
    assert torch.equal(layer.router(x).experts, before)


def test_two_layers_hash_differently():
    x = torch.randn(50, 4)
    first, second = HashTopK(4, 6, top_k=1)(x), HashTopK(4, 6, top_k=1)(x)
    assert not torch.equal(first.experts, second.experts)


def test_scrambled_scores_are_even_and_unlike_for_like_tokens():
    torch.manual_seed(0)
    router = HashTopK(16, 8, top_k=1, scores=ScrambledScores)
    x = torch.nn.functional.layer_norm(torch.randn(4000, 16), (16,))
    experts = router(x).experts[:, 0]
    # 500 a expert on average, with a standard deviation of sqrt(4000 * 1/8 * 7/8) = 21.
    assert (torch.bincount(experts, minlength=8) - 500).abs().max() < 5 * 21
    # Of near tokens 1 in 8 meets its neighbour by chance.
    near = router(x + 0.01 * torch.randn(4000, 16)).experts[:, 0]
    assert abs(float((near == experts).float().mean()) - 1 / 8) < 0.03
    plain = HashTopK(16, 8, top_k=1)
    same = plain(x).experts == plain(x + 0.01 * torch.randn(4000, 16)).experts
    assert float(same.float().mean()) > 0.95

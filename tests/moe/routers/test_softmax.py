import pytest
import torch
from hypothesis import given

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.moe import LinearScores, MLPScores, SoftmaxTopK

from ..cases import Shape, layer, mlp_scores, shapes, tokens


@given(shapes())
def test_each_token_gets_k_different_experts_in_range(shape):
    decision = layer(shape).router(tokens(shape))
    assert decision.experts.shape == (shape.tokens, shape.top_k)
    for ids in decision.experts.tolist():
        assert len(set(ids)) == shape.top_k
        assert set(ids) <= set(range(shape.experts))
    assert decision.load().sum() == shape.tokens * shape.top_k
    assert (decision.num_experts, decision.top_k) == (shape.experts, shape.top_k)


@given(shapes())
def test_gates_sum_to_one_for_several_experts_and_are_the_raw_probability_for_one(shape):
    decision = layer(shape).router(tokens(shape))
    ones = torch.ones(shape.tokens, dtype=torch.double)
    torch.testing.assert_close(decision.probs.sum(dim=1), ones)
    assert (decision.gates >= 0).all()
    if shape.top_k == 1:
        assert torch.equal(decision.gates, decision.probs.gather(1, decision.experts))
    else:
        torch.testing.assert_close(decision.gates.sum(dim=1), ones)


@given(shapes())
def test_gates_are_the_softmax_over_the_chosen_scores_alone(shape):
    moe, x = layer(shape), tokens(shape)
    decision = moe.router(x)
    scores, ids = moe.router.scores(x).topk(shape.top_k, dim=1)
    assert torch.equal(ids, decision.experts)
    if shape.top_k > 1:
        torch.testing.assert_close(decision.gates, torch.softmax(scores, dim=1))


@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_the_task_teaches_the_router(top_k):
    """N16 of the source study: with one expert its gate was renormalised to 1, without gradient."""
    shape = Shape(16, 4, 3, 6, 4, top_k, 0)
    moe, x = layer(shape), tokens(shape)
    torch.nn.functional.cross_entropy(moe(x)[0], torch.arange(16) % 3).backward()
    grad = moe.router.scores.linear.weight.grad
    assert grad is not None
    assert float(grad.norm()) > 1e-3


def test_probabilities_are_as_precise_as_the_tokens_and_never_below_single():
    shape = Shape(8, 4, 3, 6, 4, 2, 0)
    router = layer(shape).router
    assert router(tokens(shape)).probs.dtype == torch.double
    decision = router.bfloat16()(tokens(shape).bfloat16())
    assert decision.probs.dtype == decision.gates.dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        assert router.float()(tokens(shape).float()).logits.dtype == torch.float32


def test_fresh_routers_do_not_send_all_tokens_to_the_same_experts():
    """Weights of zero would: equal scores are won by the same experts for every token."""
    torch.manual_seed(0)
    for scores in (LinearScores, mlp_scores):
        router = SoftmaxTopK(8, 4, top_k=2, scores=scores).eval()
        load = router(torch.randn(256, 8)).load()
        assert (load > 0).all()


def test_scores_start_as_documented():
    torch.manual_seed(0)
    linear = LinearScores(400, 50).linear
    assert linear.bias is None
    assert float(linear.weight.detach().std()) == pytest.approx(0.02, rel=0.05)
    net = MLPScores(400, 50, hidden=60, dropout=0.0)
    for parameter in net.parameters():
        wanted = 0.1 if parameter.ndim == 2 else 0.0
        assert float(parameter.detach().std()) == pytest.approx(wanted, rel=0.05)


def test_evaluation_routes_the_same_twice():
    shape = Shape(32, 4, 3, 6, 4, 2, 0)
    router, x = layer(shape, scores=mlp_scores).router, tokens(shape)
    assert not torch.equal(router(x).probs, router(x).probs)
    router.eval()
    assert torch.equal(router(x).probs, router(x).probs)


def test_more_experts_per_token_than_experts_is_a_pair_that_a_sweep_can_skip():
    with pytest.raises(IncompatibleSettings, match=r"top_k .*num_experts=4.* got 5") as caught:
        SoftmaxTopK(3, 4, top_k=5, scores=LinearScores)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("experts", "top_k", "name"), [(0, 1, "num_experts"), (-1, 1, "num_experts"), (4, 0, "top_k")]
)
def test_numbers_that_no_router_can_have_are_named(experts, top_k, name):
    with pytest.raises(InvalidSetting, match=f"{name} must be at least 1") as caught:
        SoftmaxTopK(3, experts, top_k=top_k, scores=LinearScores)
    assert not isinstance(caught.value, IncompatibleSettings)


@pytest.mark.parametrize(
    ("hidden", "dropout", "name"), [(0, 0.1, "hidden"), (8, 1.0, "dropout"), (8, -0.1, "dropout")]
)
def test_a_scoring_net_that_cannot_be_is_named(hidden, dropout, name):
    with pytest.raises(InvalidSetting, match=f"^{name} "):
        MLPScores(3, 4, hidden=hidden, dropout=dropout)


def test_a_top_k_router_takes_exactly_k_routes():
    assert SoftmaxTopK(3, 4, top_k=3, scores=LinearScores).routes_per_token == 3.0

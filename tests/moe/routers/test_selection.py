import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from triptych.moe import auto_softmax_topk, fused_softmax_topk, softmax_topk
from triptych.moe.native.operator import operator_or_none


@pytest.fixture(autouse=True)
def compiled(operator):
    """So that `fused` is what it says."""


def scores(tokens: int, experts: int, dtype: torch.dtype, seed: int) -> torch.Tensor:
    """All different within a token, so that there are no ties."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(tokens, experts, generator=generator).argsort(dim=1)
    return (order.to(dtype) - experts / 2) * 0.3


@given(st.integers(0, 20), st.integers(1, 40), st.data())
def test_the_operator_chooses_and_weighs_as_pytorch_does(tokens, experts, data):
    top_k, renormalise = data.draw(st.integers(1, experts)), data.draw(st.booleans())
    for dtype, exact in ((torch.float64, 1e-12), (torch.float32, 1e-6)):
        results = []
        for select in (softmax_topk, fused_softmax_topk):
            logits = scores(tokens, experts, dtype, experts).requires_grad_()
            probs, gates, ids = select(logits, top_k, renormalise)
            weights = torch.linspace(-1, 2, probs.numel(), dtype=dtype).view_as(probs)
            loss = (probs * weights).sum() + (gates * weights[:, :top_k] ** 2).sum()
            (grad,) = torch.autograd.grad(loss, logits)
            results.append((probs, gates, ids, grad))
        theirs, ours = results
        assert torch.equal(theirs[2], ours[2])
        for a, b in zip(theirs, ours, strict=True):
            torch.testing.assert_close(b, a, rtol=10 * exact, atol=exact)


@pytest.mark.parametrize("used", ["probs", "gates"])
def test_gradients_of_either_output_alone_are_right(used):
    logits = scores(5, 4, torch.float64, 0).requires_grad_()
    at = {"probs": 0, "gates": 1}[used]
    for renormalise in (True, False):
        assert torch.autograd.gradcheck(
            lambda x, r=renormalise: fused_softmax_topk(x, 2, r)[at], (logits,)
        )


def test_ties_go_to_the_first_experts():
    _, gates, experts = fused_softmax_topk(torch.zeros(2, 9), 3, True)
    assert experts.tolist() == [[0, 1, 2]] * 2
    torch.testing.assert_close(gates, torch.full((2, 3), 1 / 3))


def test_broken_logits_give_valid_experts():
    """They are addresses: a NaN must reach the loss, not the memory of others."""
    logits = torch.randn(4, 6)
    logits[0] = float("nan")
    logits[1, 2] = float("nan")
    logits[2, 3] = float("inf")
    logits[3] = -float("inf")
    probs, gates, experts = fused_softmax_topk(logits, 3, True)
    for ids in experts.tolist():
        assert len(set(ids)) == 3
        assert set(ids) <= set(range(6))
    for token in range(4):
        assert gates[token].isnan().any()
        assert probs[token].isnan().any()


def test_scores_in_other_layouts_are_fine():
    logits = scores(6, 5, torch.float32, 1)
    strided = torch.stack([logits, logits], dim=2)[..., 0]
    assert not strided.is_contiguous()
    for a, b in zip(
        fused_softmax_topk(strided, 2, True), softmax_topk(logits, 2, True), strict=True
    ):
        torch.testing.assert_close(a, b)


def test_what_the_operator_does_not_know_is_done_by_pytorch():
    logits = scores(6, 5, torch.bfloat16, 1)
    for select in (fused_softmax_topk, auto_softmax_topk):
        assert torch.equal(select(logits, 2, True)[0], softmax_topk(logits, 2, True)[0])


def test_more_choices_than_experts_are_refused_by_the_operator_itself():
    built = operator_or_none()
    assert built is not None
    with pytest.raises(RuntimeError, match="top_k must be in"):
        built.softmax_topk(torch.zeros(2, 3), 4, True)

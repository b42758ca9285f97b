import copy

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor

from triptych.moe import MoE, loop_dispatch, reference_dispatch

from ..cases import BANKS, Probe, Shape, layer, mlp_scores, routing, shapes, tokens


def outcome(moe: MoE, x: Tensor) -> dict[str, Tensor]:
    """The output and the gradient of everything that may have one; of nothing, zeros."""
    x = x.clone().requires_grad_()
    y, _ = moe(x)
    weight = torch.arange(1.0, y.numel() + 1, dtype=y.dtype).view(y.shape)
    (y * weight).sum().backward()
    inputs = {"x": x, **dict(moe.named_parameters())}
    grads = {f"d {k}": torch.zeros_like(v) if v.grad is None else v.grad for k, v in inputs.items()}
    return {"y": y.detach(), **grads}


@pytest.mark.parametrize("bank", BANKS)
@given(shape=shapes())
@example(shape=Shape(0, 3, 2, 4, 4, 2, 0))
@example(shape=Shape(1, 3, 2, 4, 6, 1, 0))  # fewer tokens than experts
@example(shape=Shape(4, 4, 4, 4, 4, 2, 0))  # all dimensions equal: a mix-up would not raise
def test_the_loop_agrees_with_the_reference_in_outputs_and_all_gradients(bank, shape):
    reference = layer(shape, bank, reference_dispatch)
    loop = MoE(reference.router, reference.experts, loop_dispatch)
    ours = outcome(copy.deepcopy(loop), tokens(shape))
    theirs = outcome(reference, tokens(shape))
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-9, atol=1e-12, msg=name)


@pytest.mark.parametrize("dispatch", [loop_dispatch, reference_dispatch])
@pytest.mark.parametrize("bank", BANKS)
def test_all_tokens_on_one_expert_leave_zero_gradients_for_the_others(bank, dispatch):
    moe = layer(Shape(7, 3, 2, 4, 4, 1, 0), bank)
    decision = routing([[2]] * 7, torch.full((7, 4), 0.25, dtype=torch.double))
    x = tokens(Shape(7, 3, 2, 4, 4, 1, 0))
    dispatch(x, decision, moe.experts).sum().backward()
    grads = {name: p.grad for name, p in moe.experts.named_parameters()}
    assert None not in grads.values()  # plain DDP would wait for ever
    for name, grad in grads.items():
        for expert, part in by_expert(name, grad):
            assert bool((part != 0).any()) == (expert == 2), name


def by_expert(name: str, grad: Tensor) -> list[tuple[int, Tensor]]:
    if name.startswith("experts."):
        return [(int(name.split(".")[1]), grad)]
    return list(enumerate(grad))


@pytest.mark.parametrize("bank", BANKS)
@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_gradients_are_those_of_finite_differences(bank, top_k):
    shape = Shape(5, 3, 2, 4, 3, top_k, 1)
    moe = layer(shape, bank)
    x = tokens(shape).requires_grad_()
    assert torch.autograd.gradcheck(lambda *_: moe(x)[0], (x, *moe.parameters()))


@given(shapes(), st.randoms(use_true_random=False))
def test_reordered_tokens_give_the_same_answers_in_the_new_order(shape, random):
    moe, x = layer(shape), tokens(shape)
    order = list(range(shape.tokens))
    random.shuffle(order)
    torch.testing.assert_close(moe(x[order])[0], moe(x)[0][order], rtol=1e-9, atol=1e-12)


@given(shapes(), st.data())
def test_the_answer_does_not_depend_on_how_a_batch_is_cut(shape, data):
    moe, x = layer(shape), tokens(shape)
    cut = data.draw(st.integers(0, shape.tokens))
    parts = torch.cat([moe(x[:cut])[0], moe(x[cut:])[0]])
    torch.testing.assert_close(parts, moe(x)[0], rtol=1e-9, atol=1e-12)


def test_relabelled_experts_give_the_same_answers():
    shape = Shape(8, 3, 2, 4, 5, 2, 0)
    moe, x = layer(shape), tokens(shape)
    order = torch.randperm(5)
    other = copy.deepcopy(moe)
    with torch.no_grad():
        other.router.scores.linear.weight.copy_(moe.router.scores.linear.weight[order])
        for new, old in zip(other.experts.parameters(), moe.experts.parameters(), strict=True):
            new.copy_(old[order])
    torch.testing.assert_close(other(x)[0], moe(x)[0], rtol=1e-9, atol=1e-12)


@given(shapes())
def test_only_chosen_experts_compute(shape):
    """N6 of the source study: all experts were run on all rows."""
    moe, x = layer(shape), tokens(shape)
    decision = moe.router(x)
    probe = Probe(shape.experts)
    loop_dispatch(x, decision, probe)
    assert len(probe.calls) == 1
    assert sum(probe.calls[0]) == shape.top_k * shape.tokens
    chosen = decision.experts.flatten().tolist()
    assert probe.calls[0] == [chosen.count(e) for e in range(shape.experts)]


def test_each_row_meets_its_own_expert_with_its_own_gate():
    x = torch.tensor([[10.0], [20.0]])
    probs = torch.tensor([[0.1, 0.6, 0.3], [0.5, 0.25, 0.25]])
    y = loop_dispatch(x, routing([[1, 2], [0, 2]], probs), Probe(3))
    # 2/3 * (10 + 1) + 1/3 * (10 + 2), and 2/3 * (20 + 0) + 1/3 * (20 + 2)
    torch.testing.assert_close(y, torch.tensor([[34 / 3], [62 / 3]]))


def test_a_batch_with_as_many_tokens_as_experts_is_right():
    """Slide 8: gates were broadcast over the wrong axis, which only B = E does not refuse."""
    x = torch.tensor([[10.0], [20.0], [30.0]])
    probs = torch.tensor([[0.2, 0.8, 0.0], [0.0, 0.4, 0.6], [0.3, 0.0, 0.7]])
    y = loop_dispatch(x, routing([[0, 1], [2, 1], [2, 0]], probs), Probe(3))
    # 10 + .8 * 1; 20 + .4 * 1 + .6 * 2; 30 + .7 * 2
    torch.testing.assert_close(y, torch.tensor([[10.8], [21.6], [31.4]]))


@pytest.mark.parametrize("scores", [None, mlp_scores])
def test_evaluation_is_deterministic_and_training_with_dropout_is_not(scores):
    shape = Shape(16, 4, 3, 8, 4, 2, 0)
    moe = layer(shape, dropout=0.5, **({"scores": scores} if scores else {}))
    x = tokens(shape)
    assert not torch.equal(moe(x)[0], moe(x)[0])
    moe.eval()
    assert torch.equal(moe(x)[0], moe(x)[0])


def test_expanded_gradients_are_fine():
    shape = Shape(6, 3, 2, 4, 4, 2, 0)
    moe = layer(shape)
    moe(tokens(shape))[0].sum().backward()
    assert all(p.grad is not None for p in moe.parameters())


def test_an_empty_batch_has_the_right_width_and_zero_gradients():
    shape = Shape(0, 3, 2, 4, 4, 2, 0)
    moe = layer(shape)
    y, _ = moe(tokens(shape))
    assert y.shape == (0, 2)
    y.sum().backward()
    assert all((p.grad == 0).all() for p in moe.parameters())

"""The fused operator where it differs from other dispatches: dropout, refusals, precision."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from triptych.errors import IncompatibleSettings
from triptych.moe import (
    GELU,
    MoE,
    ReLU,
    Routing,
    SoftmaxTopK,
    Specialists,
    StackedMLP,
    SwiGLU,
    fused_dispatch,
    fused_softmax_topk,
    loop_dispatch,
)
from triptych.moe.experts.activations import Activation

from ..cases import routing


@pytest.fixture(autouse=True)
def compiled(operator):
    """So that `fused` is what it says."""


class Tanh(Activation):
    @property
    def inputs_per_unit(self) -> int:
        return 1

    def __call__(self, x):
        return torch.tanh(x)


def all_to_all(tokens: int, experts: int) -> Routing:
    """Every token to every expert."""
    ids = [list(range(experts))] * tokens
    return routing(ids, torch.full((tokens, experts), 1 / experts))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", [ReLU, GELU, SwiGLU])
def test_gradients_are_those_of_finite_differences(activation, bias):
    torch.manual_seed(0)
    bank = StackedMLP(3, 4, 2, d_hidden=5, activation=activation, bias=bias)
    moe = MoE(SoftmaxTopK(4, 3, top_k=2, select=fused_softmax_topk), bank, fused_dispatch).double()
    nn.init.normal_(moe.router.scores.linear.weight)
    x = torch.randn(6, 4, dtype=torch.double, requires_grad=True)

    def outputs(*_):
        y, decision = moe(x)
        return y, decision.probs, decision.gates

    assert torch.autograd.gradcheck(outputs, (x, *moe.parameters()))


def hidden_units_seen(bank: StackedMLP, tokens: int) -> torch.Tensor:
    """(tokens, F): what the second layer got, made visible by weights that copy."""
    experts = bank.up.shape[0]
    with torch.no_grad():
        bank.up.zero_()
        bank.down.copy_(torch.eye(bank.down.shape[1]).expand_as(bank.down))
    bank.up_bias = nn.Parameter(torch.ones(experts, bank.up.shape[1]))
    x = torch.randn(tokens, bank.up.shape[2])
    return fused_dispatch(x, all_to_all(tokens, experts), bank).detach()


def test_dropout_zeroes_its_share_and_keeps_the_mean():
    torch.manual_seed(0)
    bank = StackedMLP(1, 3, 64, d_hidden=64, dropout=0.25, bias=False)
    seen = hidden_units_seen(bank, 1000)
    # 64,000 draws: the standard error of the share is 0.0017
    assert float((seen == 0).double().mean()) == pytest.approx(0.25, abs=0.01)
    torch.testing.assert_close(seen[seen != 0].unique(), torch.tensor([4 / 3]))
    assert float(seen.mean()) == pytest.approx(1, abs=0.01)
    rows, columns = (seen == 0).double().mean(dim=1), (seen == 0).double().mean(dim=0)
    assert float(rows.std()) < 0.08  # sqrt(.25 * .75 / 64) = .054: no row is treated apart
    assert float(columns.std()) < 0.03  # sqrt(.25 * .75 / 1000) = .014


def test_each_route_has_a_dropout_of_its_own():
    torch.manual_seed(0)
    bank = StackedMLP(2, 3, 64, d_hidden=64, dropout=0.5, bias=False)
    seen = hidden_units_seen(bank, 500)
    # Half of 2 * {0, 1} * 1/2 each: 0, 1, 2 in shares 1/4, 1/2, 1/4
    shares = [float((seen == value).double().mean()) for value in (0, 1, 2)]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.02)


def test_dropout_is_that_of_the_loop_to_the_last_value():
    """Rows in the same order get the same numbers, drawn for each expert or for all at once."""
    torch.manual_seed(0)
    bank, x = StackedMLP(3, 4, 2, d_hidden=5, dropout=0.4).double(), torch.randn(7, 4).double()
    ids = [[0, 2], [1, 0], [2, 1], [0, 1], [2, 0], [1, 2], [0, 2]]
    decision = routing(ids, torch.randn(7, 3).softmax(dim=1))
    found = []
    for dispatch in (loop_dispatch, fused_dispatch):
        bank.dropout.reseed(1)
        found.append(dispatch(x, decision, bank))
    torch.testing.assert_close(*found)


def test_evaluation_has_no_dropout():
    bank = StackedMLP(2, 3, 8, d_hidden=8, dropout=0.5, bias=False).eval()
    assert torch.equal(hidden_units_seen(bank, 9), torch.ones(9, 8))


def test_dropout_has_the_gradient_of_the_mask_that_was_drawn():
    torch.manual_seed(0)
    bank = StackedMLP(3, 4, 2, d_hidden=5, activation=SwiGLU, dropout=0.4).double()
    x = torch.randn(6, 4, dtype=torch.double, requires_grad=True)
    decision = all_to_all(6, 3)
    gates = decision.gates.double().requires_grad_()

    def output(*_):
        torch.manual_seed(1)
        return fused_dispatch(x, replace(decision, gates=gates), bank)

    assert torch.autograd.gradcheck(output, (x, gates, *bank.parameters()))


def test_frozen_parts_get_no_gradient_and_the_others_the_same():
    torch.manual_seed(0)
    bank, x = StackedMLP(3, 4, 2, d_hidden=5), torch.randn(6, 4)
    grads = {}
    for frozen in ([], ["up", "up_bias"], ["down"], ["down_bias"], ["up_bias"]):
        for name, parameter in bank.named_parameters():
            parameter.grad = None
            parameter.requires_grad_(name not in frozen)
        fused_dispatch(x, all_to_all(6, 3), bank).square().sum().backward()
        for name, parameter in bank.named_parameters():
            if name in frozen:
                assert parameter.grad is None
            else:
                assert torch.equal(parameter.grad, grads.setdefault(name, parameter.grad.clone()))


def test_backward_twice_gives_the_gradient_twice():
    """What backward computes in place must not be what it saved."""
    torch.manual_seed(0)
    bank, x = StackedMLP(3, 4, 2, d_hidden=5, activation=SwiGLU), torch.randn(6, 4)
    y = fused_dispatch(x, all_to_all(6, 3), bank).square().sum()
    one = torch.autograd.grad(y, list(bank.parameters()), retain_graph=True)
    two = torch.autograd.grad(y, list(bank.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_a_second_derivative_is_refused_instead_of_wrong():
    bank = StackedMLP(3, 4, 2, d_hidden=5, activation=SwiGLU)
    y = fused_dispatch(torch.randn(6, 4), all_to_all(6, 3), bank).square().sum()
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(y, list(bank.parameters()), create_graph=True)


def test_activation_checkpointing_changes_nothing():
    torch.manual_seed(0)
    bank, x = StackedMLP(3, 4, 2, d_hidden=5, dropout=0.3), torch.randn(6, 4, requires_grad=True)
    grads = []
    for run in (
        lambda: fused_dispatch(x, all_to_all(6, 3), bank),
        lambda: checkpoint(fused_dispatch, x, all_to_all(6, 3), bank, use_reentrant=False),
    ):
        torch.manual_seed(1)
        grads.append(torch.autograd.grad(run().square().sum(), [x, *bank.parameters()]))
    assert all(torch.equal(a, b) for a, b in zip(*grads, strict=True))


def test_several_pieces_of_one_expert_are_summed():
    """Rows are worked on a few hundred at a time; sizes that do not divide are the hard ones."""
    torch.manual_seed(0)
    bank = StackedMLP(2, 8, 8, d_hidden=1024, activation=SwiGLU)
    ids = [[0]] * 1500 + [[1]] * 77
    decision = routing(ids, torch.full((1577, 2), 0.5))
    x = torch.randn(1577, 8)
    found = []
    for dispatch in (fused_dispatch, loop_dispatch):
        y = dispatch(x, decision, bank)
        found.append([y.detach(), *torch.autograd.grad(y.square().sum(), list(bank.parameters()))])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))


def test_an_expert_that_does_not_exist_is_refused():
    """It would be an address outside of the weights."""
    bank = StackedMLP(3, 4, 2, d_hidden=5)
    for wrong in (3, -1):
        decision = replace(all_to_all(1, 3), experts=torch.tensor([[0, 1, wrong]]))
        with pytest.raises(RuntimeError, match=rf"expert {wrong} is not in \[0, 3\)"):
            fused_dispatch(torch.randn(1, 4), decision, bank)


@pytest.mark.parametrize(
    ("bank", "reason"),
    [
        (Specialists(3, 4, 2, d_hidden=6, dropout=0.0), "Specialists are no stacked MLPs"),
        (StackedMLP(3, 4, 2, d_hidden=5, activation=Tanh), "no Tanh"),
        (StackedMLP(3, 4, 2, d_hidden=5).double(), "torch.float32 tokens with torch.float64"),
    ],
)
def test_what_it_cannot_do_is_named_with_the_remedy(bank, reason):
    with pytest.raises(IncompatibleSettings, match=rf"model/dispatch=fused.*{reason}.*=loop"):
        fused_dispatch(torch.randn(6, 4), all_to_all(6, 3), bank)


def test_autocast_is_refused_instead_of_ignored():
    bank = StackedMLP(3, 4, 2, d_hidden=5)
    with (
        torch.autocast("cpu", torch.bfloat16),
        pytest.raises(IncompatibleSettings, match="autocast"),
    ):
        fused_dispatch(torch.randn(6, 4), all_to_all(6, 3), bank)

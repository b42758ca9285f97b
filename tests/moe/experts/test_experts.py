import pytest
import torch
from torch import nn
from torch.nn import functional as F

from triptych.dense import MLP
from triptych.errors import InvalidSetting
from triptych.moe import LinearScores, Specialists, StackedMLP

from ..cases import BANKS, Shape, layer, tokens


def as_mlp(bank: StackedMLP, expert: int) -> MLP:
    """The plain network that a stacked expert stands for."""
    up, down = (nn.Linear(w.shape[2], w.shape[1]) for w in (bank.up, bank.down))
    mlp = MLP([up, down], nn.ReLU, [0.0]).to(bank.up.dtype)
    names = ["chain.0.weight", "chain.0.bias", "chain.2.weight", "chain.2.bias"]
    parts = [bank.up, bank.up_bias, bank.down, bank.down_bias]
    mlp.load_state_dict({n: p[expert] for n, p in zip(names, parts, strict=True)})
    return mlp


def test_a_layer_with_one_expert_is_that_network():
    shape = Shape(9, 4, 3, 6, 1, 1, 0)
    moe, x = layer(shape), tokens(shape)
    assert torch.equal(moe(x)[0], as_mlp(moe.experts, 0)(x))


def test_a_layer_that_asks_all_experts_is_the_dense_mixture():
    shape = Shape(9, 4, 3, 6, 5, 5, 0)
    moe, x = layer(shape), tokens(shape)
    probs = torch.softmax(F.linear(x, moe.router.scores.linear.weight), dim=1)  # (T E)
    answers = torch.stack([as_mlp(moe.experts, e)(x) for e in range(5)])  # (E T O)
    torch.testing.assert_close(moe(x)[0], torch.einsum("te,eto->to", probs, answers))


def test_equal_experts_give_the_answer_of_one_whatever_the_routes():
    shape = Shape(9, 4, 3, 6, 5, 2, 0)
    moe, x = layer(shape), tokens(shape)
    with torch.no_grad():
        for parameter in moe.experts.parameters():
            parameter.copy_(parameter[:1].expand_as(parameter))
    torch.testing.assert_close(moe(x)[0], as_mlp(moe.experts, 3)(x))


def test_stacked_experts_start_as_linear_layers_do():
    """Fans of the stacked tensor would make the first weights many times too small."""
    torch.manual_seed(0)
    bank = StackedMLP(6, 25, 40, d_hidden=100, dropout=0.0)
    for parameter, fan_in in [
        (bank.up, 25),
        (bank.up_bias, 25),
        (bank.down, 100),
        (bank.down_bias, 100),
    ]:
        bound = fan_in**-0.5
        assert 0.95 * bound < float(parameter.detach().abs().max()) <= bound
        assert float(parameter.detach().var()) == pytest.approx(bound**2 / 3, rel=0.1)
        assert len({part.detach().sum().item() for part in parameter}) == 6


def test_specialists_cycle_through_the_four_designs_of_the_source_study():
    bank = Specialists(6, 32, 4, d_hidden=80, dropout=0.1)
    built = [[type(part).__name__ for part in expert] for expert in bank.each()]
    shallow = ["Linear", "Tanh", "Dropout", "Linear", "Tanh", "Linear"]
    deep = ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Linear", "ReLU", "Linear"]
    relu, elu = ([part.replace("Tanh", name) for part in shallow] for name in ("ReLU", "ELU"))
    assert built == [shallow, deep, relu, elu, shallow, deep]
    assert [cost.params_total for cost in bank.costs()] == [6044, 12524, 6044, 6044, 6044, 12524]


def test_specialists_start_with_xavier_weights_and_zero_biases():
    torch.manual_seed(0)
    for expert in Specialists(4, 60, 50, d_hidden=80, dropout=0.0).each():
        for linear in (part for part in expert if isinstance(part, nn.Linear)):
            bound = (6 / sum(linear.weight.shape)) ** 0.5
            assert 0.95 * bound < float(linear.weight.detach().abs().max()) <= bound
            assert not linear.bias.any()


@pytest.mark.parametrize("bank", BANKS)
def test_declared_parameters_are_those_that_exist(bank):
    experts = bank(5, 7, 3, d_hidden=6, dropout=0.0)
    declared = sum(cost.params_total for cost in experts.costs())
    assert declared == sum(p.numel() for p in experts.parameters())


@pytest.mark.parametrize("bank", BANKS)
def test_dropout_works_in_training_only(bank):
    torch.manual_seed(0)
    experts = bank(2, 8, 3, d_hidden=32, dropout=0.5)
    rows = torch.randn(6, 8)
    for expert in experts.each():
        assert not torch.equal(expert(rows), expert(rows))
    experts.eval()
    for expert in experts.each():
        assert torch.equal(expert(rows), expert(rows))


@pytest.mark.parametrize(("bank", "least"), [(StackedMLP, 1), (Specialists, 2)])
def test_a_width_that_no_expert_can_have_is_named(bank, least):
    bank(2, 3, 3, d_hidden=least, dropout=0.0)
    with pytest.raises(InvalidSetting, match=f"d_hidden .*at least {least}, got {least - 1}"):
        bank(2, 3, 3, d_hidden=least - 1, dropout=0.0)


@pytest.mark.parametrize("dropout", [-0.1, 1.0, 1.5])
@pytest.mark.parametrize("bank", BANKS)
def test_a_dropout_that_no_expert_can_have_is_named_before_training(bank, dropout):
    with pytest.raises(InvalidSetting, match="dropout must be in"):
        bank(2, 3, 3, d_hidden=4, dropout=dropout)


def test_scores_of_one_expert_are_possible():
    assert LinearScores(3, 1)(torch.ones(2, 3)).shape == (2, 1)

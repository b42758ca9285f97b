import pytest
import torch
from torch.nn import functional as F

from triptych.errors import InvalidSetting
from triptych.moe import (
    GELU,
    Cubic,
    DenseMLP,
    Identity,
    ReLU,
    StackedMLP,
    SwiGLU,
    same_active,
    same_total,
)

ACTIVATIONS = (ReLU, GELU, SwiGLU)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_dense_equivalents_have_the_same_weights_in_all_or_for_one_token(activation, bias):
    bank = StackedMLP(6, 5, 3, d_hidden=4, activation=activation, bias=bias)
    products = 2 * (4 * activation().inputs_per_unit * 5 + 3 * 4)
    assert bank.costs()[0].flops == products
    for dense, times in ((same_active(bank, 2), 2), (same_total(bank), 6)):
        weights = dense.up.weight.numel() + dense.down.weight.numel()
        assert 2 * weights == times * products
        assert (dense.up.bias is not None) == bias
        assert dense(torch.randn(7, 5)).shape == (7, 3)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_it_is_built_as_one_expert_is(activation):
    bank = StackedMLP(1, 5, 3, d_hidden=4, activation=activation).double()
    dense = same_total(bank)
    dense.load_state_dict(
        {
            "up.weight": bank.up[0],
            "up.bias": bank.up_bias[0],
            "down.weight": bank.down[0],
            "down.bias": bank.down_bias[0],
        }
    )
    x = torch.randn(6, 5, dtype=torch.double)
    assert torch.equal(dense(x), bank.each()[0](x))


def test_activations_of_a_small_case():
    x = torch.tensor([[-1.0, 2.0]])
    assert torch.equal(ReLU()(x), torch.tensor([[0.0, 2.0]]))
    assert torch.equal(Cubic()(x), torch.tensor([[-1.0, 8.0]]))
    assert torch.equal(Identity()(x), x)
    torch.testing.assert_close(GELU()(x), F.gelu(x))
    torch.testing.assert_close(SwiGLU()(x), torch.tensor([[-2.0 / (1 + torch.e)]]))


def test_a_width_or_dropout_that_no_network_can_have_is_named():
    with pytest.raises(InvalidSetting, match="d_hidden must be at least 1, got 0"):
        DenseMLP(3, 3, d_hidden=0)
    with pytest.raises(InvalidSetting, match="dropout"):
        DenseMLP(3, 3, d_hidden=3, dropout=1.0)

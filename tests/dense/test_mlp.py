import pytest
import torch
from torch import nn

from triptych.dense import MLP


def test_a_chain_is_its_layers_with_activations_between():
    layers = [nn.Linear(3, 5), nn.Linear(5, 4), nn.Linear(4, 2)]
    x = torch.randn(6, 3)
    wanted = layers[2](torch.tanh(layers[1](torch.tanh(layers[0](x)))))
    assert torch.equal(MLP(layers, nn.Tanh, [0.0, 0.0])(x), wanted)


def test_dropout_comes_after_each_activation_that_has_one():
    chain = MLP([nn.Linear(3, 5), nn.Linear(5, 4), nn.Linear(4, 2)], nn.ReLU, [0.2, 0.0]).chain
    assert [type(part).__name__ for part in chain] == [
        "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Linear",
    ]  # fmt: skip
    assert chain[2].p == 0.2


def test_one_layer_alone_is_a_chain():
    assert MLP([nn.Linear(3, 2)], nn.ReLU, [])(torch.randn(0, 3)).shape == (0, 2)


def test_dropout_works_in_training_only():
    mlp = MLP([nn.Linear(8, 64), nn.Linear(64, 2)], nn.ReLU, [0.5])
    x = torch.randn(4, 8)
    assert not torch.equal(mlp(x), mlp(x))
    mlp.eval()
    assert torch.equal(mlp(x), mlp(x))


@pytest.mark.parametrize("dropouts", [[], [0.1, 0.1]])
def test_a_wrong_number_of_dropouts_is_refused(dropouts):
    with pytest.raises(ValueError, match="2 layers need 1 dropouts"):
        MLP([nn.Linear(3, 5), nn.Linear(5, 2)], nn.ReLU, dropouts)

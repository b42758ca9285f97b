import pytest
import torch
from torch import nn

from triptych.metrics import density_of_all_parameters, layer_densities
from triptych.sparse import AutoLinear, CSRLinear, MaskedLinear


def test_each_sparse_layer_is_counted_and_named_by_its_block():
    masks = torch.eye(4, 8, dtype=torch.bool), torch.ones(2, 4, dtype=torch.bool)
    blocks = nn.ModuleDict({"net": nn.Sequential(MaskedLinear(masks[0]), nn.Linear(4, 4))})
    net = nn.ModuleDict({"blocks": blocks, "head": MaskedLinear(masks[1])})
    assert layer_densities(net) == [
        {"layer": "net.1", "density": 0.125, "nonzeros": 4, "size": 32},
        {"layer": "head.1", "density": 1.0, "nonzeros": 8, "size": 8},
    ]


def test_a_net_without_sparse_layers_has_no_rows():
    assert layer_densities(nn.Linear(3, 3)) == []


def test_a_layer_that_is_made_of_another_is_counted_once():
    net = nn.Sequential(AutoLinear(torch.eye(4, dtype=torch.bool), block=2))
    assert layer_densities(net) == [{"layer": "0.1", "density": 0.25, "nonzeros": 4, "size": 16}]


@pytest.mark.parametrize("kernel", [MaskedLinear, CSRLinear])
def test_biases_norms_and_dense_layers_count_among_all_parameters(kernel):
    net = nn.Sequential(kernel(torch.eye(4, 8, dtype=torch.bool)), nn.LayerNorm(4), nn.Linear(4, 3))
    # 4 of 32 weights and 4 biases, 8 of the norm, 12 + 3 of the dense layer: 31 of 59.
    assert density_of_all_parameters(net) == 31 / 59

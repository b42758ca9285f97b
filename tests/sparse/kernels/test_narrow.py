import pytest
import torch

from triptych.errors import IncompatibleSettings
from triptych.sparse import NarrowLinear

ROWS = torch.tensor([True, False, True, True])
COLUMNS = torch.tensor([False, True, True])
MASK = ROWS[:, None] & COLUMNS


def test_it_holds_the_smaller_matrix_and_no_more():
    layer = NarrowLinear(MASK)
    assert tuple(layer.weights.shape) == (3, 2)
    assert torch.equal(layer.matrix()[ROWS][:, COLUMNS], layer.weights)
    assert layer.cost().flops_executed == 2 * 3 * 2
    assert layer.executes == "narrow"


def test_outputs_that_are_left_out_give_their_bias():
    layer = NarrowLinear(MASK)
    y = layer(torch.randn(5, 3))
    assert torch.equal(y[:, 1], layer.bias[1].expand(5))
    assert not torch.equal(y[:, 0], layer.bias[0].expand(5))


def test_masks_that_are_no_rectangle_are_refused_with_those_that_are():
    with pytest.raises(IncompatibleSettings, match=r"narrow needs .* take model/mask=neurons"):
        NarrowLinear(torch.eye(4, dtype=torch.bool))


def test_it_takes_another_rectangle_of_its_size_and_refuses_all_else():
    layer = NarrowLinear(MASK)
    layer.place(MASK.flip(0, 1))
    assert torch.equal(layer.mask, MASK.flip(0, 1))
    for other in (torch.ones(4, 3, dtype=torch.bool), torch.eye(4, 3, dtype=torch.bool)):
        with pytest.raises(IncompatibleSettings, match="model/rule=static"):
            layer.place(other)

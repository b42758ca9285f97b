import pytest
import torch
from torch import nn

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.models import Controlled, ControllerPanel, MonarchPanel
from triptych.sparse import MonarchLinear


def controlled() -> Controlled:
    net = ControllerPanel(12, 4, 2, 0.1, 0.3, 0.0).net(6, 3)
    assert isinstance(net, Controlled)
    return net


def test_evaluation_decides_one_unit_in_each_block_by_its_probability():
    net, x = controlled().eval(), torch.randn(9, 6)
    y, routing = net(x)
    assert torch.equal(y, net.ffn(x))
    assert routing is not None
    assert (routing.experts // 4).tolist() == [[0, 1, 2]] * 9
    best = routing.probs.view(9, 3, 4).argmax(dim=2)
    assert torch.equal(routing.experts % 4, best)
    torch.testing.assert_close(routing.probs.sum(dim=1), torch.ones(9))
    assert torch.equal(routing.gates, torch.ones(9, 3))


def test_training_decides_nothing():
    assert controlled().train()(torch.randn(9, 6))[1] is None


def test_the_whole_net_is_of_monarch_matrices_but_for_its_head():
    net = MonarchPanel(8, 2, 0.0).net(32, 4)
    layers = [m for m in net.modules() if isinstance(m, nn.Linear | MonarchLinear)]
    assert [type(m) for m in layers] == [MonarchLinear] * 3 + [nn.Linear]
    assert [len(m.bias) for m in layers] == [8, 8, 4, 4]
    assert net(torch.randn(5, 32))[0].shape == (5, 4)


def test_widths_that_do_not_fit_are_named():
    with pytest.raises(IncompatibleSettings, match=r"model\.d_hidden=12 .* model\.block=5"):
        ControllerPanel(12, 5, 2, 0.1, 0.3, 0.0).block(8, "block_0")
    with pytest.raises(IncompatibleSettings, match=r"model\.blocks=3 must divide .* 8 and 12"):
        MonarchPanel(12, 3, 0.0).block(8, "block_0")
    for panel in (lambda: ControllerPanel(0, 1, 1, 0.1, 0.3, 0.0), lambda: MonarchPanel(1, 1, 0.0)):
        with pytest.raises(InvalidSetting, match="d_hidden must be at least"):
            panel()

"""The nets that fits are held against are as large as ours and compute the same."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from triptych.moe import Routing, squared_deviation_loss, switch_loss
from triptych.run.build import build_data, build_network

from ..composed import composed

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def stock(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("stock_nets")


@pytest.mark.parametrize("model", ["notebook_ffn", "notebook_moe", "ffn", "moe"])
def test_a_net_of_stock_modules_has_the_parameters_and_flops_of_ours(
    model: str, stock: ModuleType
) -> None:
    data = ["data=multimodal_source"] if model.startswith("notebook") else []
    config = composed(f"model={model}", *data, "data.n_train=64")
    name = model.replace("_", " ") if data else f"residual {model}"
    net = stock.stock_net(name, config)
    ours = build_network(config, build_data(config))
    shapes = [sorted(p.numel() for p in n.parameters()) for n in (net, ours)]
    assert sum(shapes[0]) == sum(shapes[1])
    x = torch.randn(128, config["data"]["seq_len"])
    counted = []
    for each in (net.eval(), ours.eval()):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            assert each(x)[0].shape == (128, 4)
        counted.append(counter.get_total_flops())
    assert counted[0] == counted[1] or "moe" in model


def test_the_balance_losses_of_stock_nets_are_ours(stock: ModuleType) -> None:
    torch.manual_seed(0)
    net = stock.Mixture(nn.Linear(8, 4), [nn.Linear(8, 2) for _ in range(4)], 2, stock.switch)
    x = torch.randn(50, 8)
    probs = net.router(x).softmax(dim=1)
    best, ids = probs.topk(2, dim=1)
    routing = Routing(ids, best / best.sum(dim=1, keepdim=True), probs, probs.log())
    pairs = (stock.switch, switch_loss), (stock.squared_deviation, squared_deviation_loss)
    for theirs, ours in pairs:
        net.balance = theirs
        y, loss = net(x)
        torch.testing.assert_close(loss, ours(routing))
    answers = torch.stack([expert(x) for expert in net.experts], dim=1)
    gates = torch.zeros(50, 4).scatter(1, ids, routing.gates)
    torch.testing.assert_close(y, (answers * gates.unsqueeze(2)).sum(dim=1))

import pytest
import torch

from triptych.moe import MoE
from triptych.training import BalancePressure, MoEModule
from triptych.training.callbacks.balance_pressure import balance_pressure

from ..tiny import Diary, fit, pair


def moe(coefficient: float) -> tuple[MoEModule, torch.Tensor, torch.Tensor]:
    module, data = pair("model=moe", "model.dropout=0.0", f"model.balance_coef={coefficient}")
    assert isinstance(module, MoEModule)
    return module, data.splits.train.x, data.splits.train.y


def test_it_is_proportional_to_the_coefficient() -> None:
    one, ten = (float(balance_pressure(*moe(c))) for c in (0.1, 1.0))
    assert ten == pytest.approx(10 * one, rel=1e-5)
    assert one > 0
    assert float(balance_pressure(*moe(0.0))) == 0


def test_the_source_studys_balance_loss_outweighs_the_task() -> None:
    """N3 of the source study: 11 to 24 times in early training."""
    module, data = pair("model=notebook_moe", "data=multimodal_source", "data.n_train=128")
    assert isinstance(module, MoEModule)
    assert float(balance_pressure(module, data.splits.train.x, data.splits.train.y)) > 1


def test_watching_changes_nothing() -> None:
    weights = []
    for callbacks in ([], [BalancePressure()]):
        module, _, runner = fit("model=moe", max_epochs=2, callbacks=callbacks)
        weights.append(module.state_dict())
    assert all(torch.equal(v, weights[1][k]) for k, v in weights[0].items())
    assert float(runner.callback_metrics["train/moe/balance_pressure"]) > 0


def test_nets_without_a_router_have_none() -> None:
    diary = Diary()
    fit("model=ffn", callbacks=[BalancePressure(), diary])
    assert "train/moe/balance_pressure" not in diary.logged[0]


@pytest.mark.parametrize("settings", [("model/balance=none",), ("model.balance_coef=0.0",)])
def test_without_a_balance_loss_there_is_no_pressure(settings: tuple[str, ...]) -> None:
    _, _, runner = fit("model=moe", *settings, callbacks=[BalancePressure()])
    assert float(runner.callback_metrics["train/moe/balance_pressure"]) == 0.0


def test_weights_of_a_router_that_have_no_part_in_its_balance_are_no_obstacle() -> None:
    module, x, y = moe(1.0)
    wanted = balance_pressure(module, x, y)
    for layer in module.network.modules():
        if isinstance(layer, MoE):
            layer.router.register_parameter("unused", torch.nn.Parameter(torch.ones(3)))
    torch.testing.assert_close(balance_pressure(module, x, y), wanted)


def test_a_router_that_learns_nothing_feels_no_pressure() -> None:
    module, x, y = moe(1.0)
    for layer in module.network.modules():
        if isinstance(layer, MoE):
            layer.router.requires_grad_(False)
    assert float(balance_pressure(module, x, y)) == 0.0

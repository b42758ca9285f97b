import sys

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from triptych.errors import InvalidSetting
from triptych.models import DensePanel
from triptych.run.build import build_data, build_module, construct

from ..composed import composed

search = sys.modules["triptych.run.equal_time"]  # its package has the function by that name


def config(*overrides: str):
    return composed("debug=fast", "logger=none", *overrides)


def found(monkeypatch, milliseconds: float, *overrides: str):
    """What is found where a dense step takes 1 + width / 100 ms and the other as given."""

    def step(settings, data):
        panel = settings["model"]["panel"]
        if panel["_target_"].endswith("DensePanel"):
            return 1 + panel["d_hidden"] / 100
        return milliseconds

    def side_by_side(steps, rounds):
        return {name: [value / 1000] * rounds for name, value in steps.items()}

    monkeypatch.setattr(search, "training_step", step)
    monkeypatch.setattr(search, "side_by_side", side_by_side)
    return search.equal_time(OmegaConf.create(config("model=sparse", *overrides)))


@pytest.mark.parametrize("width", [3, 40, 100, 777, 5000])
def test_the_widest_net_that_takes_no_longer_is_found_to_two_percent(monkeypatch, width):
    answer = found(monkeypatch, 1 + (width + 0.5) / 100)
    assert 0.98 * width - 1 <= answer.d_hidden <= width
    assert answer.ratios == [pytest.approx(1, abs=0.02)] * search.ROUNDS
    assert answer.milliseconds == pytest.approx(1 + (width + 0.5) / 100)


def test_where_no_dense_net_is_as_fast_or_as_slow_the_search_says_so(monkeypatch):
    with pytest.raises(InvalidSetting, match="of 2 hidden units takes longer already"):
        found(monkeypatch, 0.5)
    with pytest.raises(InvalidSetting, match="of 65536 hidden units is still faster"):
        found(monkeypatch, 1e9)


@pytest.mark.parametrize("model", ["sparse", "moe", "ffn"])
def test_the_dense_settings_are_those_of_the_dense_panel_with_another_width(model):
    settings = search.dense(config(f"model={model}"), 7)
    data = build_data(settings)
    net = build_module(settings, data).network
    assert isinstance(construct(settings["model"]["panel"], "model.panel"), DensePanel)
    widths = {m.out_features for m in net.modules() if isinstance(m, nn.Linear)}
    assert 7 in widths
    assert settings["optimizer"] == config(f"model={model}")["optimizer"]


@pytest.mark.parametrize("model", ["sparse", "moe", "ffn"])
def test_a_step_trains_the_net_of_the_settings(monkeypatch, model):
    settings = config(f"model={model}")
    data = build_data(settings)
    module = build_module(settings, data)
    monkeypatch.setattr(search, "build_module", lambda *_: module)
    step = search.training_step(settings, data)
    before = [p.clone() for p in module.network.parameters()]
    step()
    after = list(module.network.parameters())
    assert sum(not torch.equal(a, b) for a, b in zip(before, after, strict=True)) > len(after) / 2

import time
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from triptych.sparse import AutoLinear, MaskedLinear, Speed, measured_speeds, uniform_mask
from triptych.sparse.timing import IN_A_ROW, least_seconds, passes

CPU = torch.device("cpu")


def test_calls_take_turns_for_as_many_rounds_as_time_allows():
    order: list[str] = []
    seconds = least_seconds({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, CPU)
    assert order == ["a", "b"] * 7
    assert set(seconds) == {"a", "b"}
    slow: list[float] = []
    least_seconds({"slow": lambda: slow.append(time.sleep(0.03))}, CPU)
    assert len(slow) == 2


def test_on_a_gpu_a_call_is_followed_by_others_before_anybody_waits(monkeypatch):
    order: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: order.append("wait"))
    calls = {name: partial(order.append, name) for name in "ab"}
    least_seconds(calls, torch.device("cuda"))
    turn = ["wait", *["a"] * IN_A_ROW, "wait", "wait", *["b"] * IN_A_ROW, "wait"]
    assert order == turn * 7


def test_a_pass_computes_all_gradients_and_leaves_none():
    net = nn.Linear(3, 2)
    x = torch.randn(4, 3, requires_grad=True)
    (alone,) = passes(net, x, list(net.parameters()), gradients=False)()
    y, for_x, for_weight, for_bias = passes(net, x, list(net.parameters()), gradients=True)()
    assert torch.equal(alone, y)
    assert all(t.grad is None for t in (x, *net.parameters()))
    F.linear(x, net.weight, net.bias).backward(y)
    for ours, wanted in zip((for_x, for_weight, for_bias), (x, *net.parameters()), strict=True):
        assert torch.equal(ours, wanted.grad)


def mask(seed: int, sparsity: float = 0.5) -> torch.Tensor:
    return uniform_mask(8, 4, sparsity, torch.Generator().manual_seed(seed))


def test_layers_that_are_alike_are_measured_once_and_without_a_trace():
    layers = {
        "a": MaskedLinear(mask(0)),
        "b": MaskedLinear(mask(1)),
        "c": MaskedLinear(mask(2, sparsity=0.75)),
    }
    state = torch.get_rng_state()
    with torch.no_grad():
        first, second = measured_speeds(layers, rows=16)
    assert (first.layers, first.density, first.rows) == (("a", "b"), 0.5, 16)
    assert (second.layers, second.density, second.shape) == (("c",), 0.25, (8, 4))
    assert all(s.ratio is not None and s.ratio > 0 for s in (first, second))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None for layer in layers.values() for p in layer.parameters())


def test_layers_that_choose_have_chosen_afterwards():
    layers = {"a": AutoLinear(mask(0), block=16), "b": AutoLinear(mask(1), block=16)}
    speeds = measured_speeds(layers, rows=16)
    assert {s.executes for s in speeds} <= {"auto (csr)", "auto (csr, as a dense product)"}
    assert [name for s in speeds for name in sorted(s.layers)]
    for layer in layers.values():
        assert set(layer.chosen) == {"cpu torch.float32 autocast None rows 16 training"}


def test_a_speed_is_one_line():
    speed = Speed(("net.1", "net.2"), "csr", (320, 32), 0.2, 128, 0.4)
    assert speed.line() == (
        "net.1 and 1 more, 320 x 32, density 0.20: csr runs at 0.40 of dense speed"
        " (forward + backward, 128 rows)"
    )
    late = Speed(("net.1",), "csr", (320, 32), 0.2, 128, None)
    assert late.line() == "net.1, 320 x 32, density 0.20: csr, not measured for want of time"

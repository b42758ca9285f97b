"""Every dispatch that conf/ names gives what the reference gives, in outputs and all gradients."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from triptych.errors import IncompatibleSettings
from triptych.moe import GELU, Activation, ReLU, Routing, StackedMLP, SwiGLU, reference_dispatch

from ..cases import DISPATCHES


@dataclass(frozen=True)
class Setting:
    """What may go wrong: sizes, masks, memory layouts."""

    tokens: int = 13
    width: int = 8
    out: int = 16
    hidden: int = 24
    experts: int = 5
    top_k: int = 2
    dropped: bool = False
    padded: bool = False
    only: int | None = None  # the one expert that all tokens choose
    strided: bool = False
    expanded: bool = False


SETTINGS = {
    "plain": Setting(),
    "no tokens": Setting(tokens=0),
    "fewer tokens than experts": Setting(tokens=1, experts=7),
    "many tokens": Setting(tokens=300, top_k=3),
    "one choice": Setting(top_k=1),
    "all experts": Setting(top_k=5),
    "one expert": Setting(experts=1, top_k=1),
    "all to one": Setting(top_k=1, only=3),
    "equal sizes": Setting(tokens=8, width=8, out=8, hidden=8, experts=8),
    "odd sizes": Setting(width=7, out=3, hidden=5),
    "dropped": Setting(dropped=True),
    "padding": Setting(padded=True),
    "dropped and padding": Setting(dropped=True, padded=True),
    "strided tokens": Setting(strided=True),
    "expanded gradient": Setting(expanded=True),
}
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5, torch.bfloat16: 2e-2}
NAMES = sorted(set(DISPATCHES) - {"reference", "triton"})  # triton needs a GPU: test_triton.py


def refused(name: str, setting: Setting, dtype: torch.dtype) -> bool:
    """Who says no to what, in one clear line."""
    if name == "grouped":
        return dtype == torch.float64 or setting.width % 8 > 0
    return name == "fused" and dtype == torch.bfloat16


@pytest.fixture(autouse=True)
def compiled(operator):
    """So that `fused` is what it says."""


def bank(setting: Setting, activation: type[Activation], bias: bool) -> StackedMLP:
    made = StackedMLP(
        setting.experts,
        setting.width,
        setting.out,
        d_hidden=setting.hidden,
        activation=activation,
        bias=bias,
    )
    with torch.no_grad():  # biases too: at 0 a ReLU of a dead unit would sit on its kink
        for parameter in made.parameters():
            parameter.copy_(torch.randn_like(parameter) * parameter.shape[-1] ** -0.5)
    return made


def decide(setting: Setting, gates: Tensor, dropped: Tensor, valid: Tensor) -> Routing:
    scores = torch.rand(setting.tokens, setting.experts)
    if setting.only is not None:
        scores[:, setting.only] = 2
    experts = scores.topk(setting.top_k, dim=1).indices
    runs = torch.ones_like(experts, dtype=torch.bool)
    if setting.dropped:
        runs = runs & ~dropped
    if setting.padded:
        runs = runs & valid[:, None]
    return Routing(
        experts=experts,
        gates=torch.where(runs, gates, 0.0),
        probs=scores,
        logits=scores,
        kept=~dropped if setting.dropped else None,
        valid=valid if setting.padded else None,
    )


def outcome(
    dispatch: Callable[..., Tensor],
    setting: Setting,
    activation: type[Activation],
    bias: bool,
    dtype: torch.dtype,
    exact: torch.dtype,
) -> dict[str, Tensor]:
    """The output and every gradient, from numbers that `dtype` can hold, computed in `exact`."""
    torch.manual_seed(0)
    experts = bank(setting, activation, bias).to(dtype).to(exact)
    x = torch.randn(setting.tokens, setting.width, 2).to(dtype).to(exact)
    x = (x[..., 0] if setting.strided else x[..., 0].contiguous()).requires_grad_()
    gates = torch.rand(setting.tokens, setting.top_k).to(dtype).to(exact).requires_grad_()
    dropped = torch.rand(setting.tokens, setting.top_k) < 0.4
    valid = torch.rand(setting.tokens) < 0.7
    y = dispatch(x, decide(setting, gates, dropped, valid), experts)
    weight = torch.randn(y.shape).to(dtype).to(exact)
    y.backward(torch.ones((), dtype=exact).expand_as(y) if setting.expanded else weight)
    inputs = {"x": x, "gates": gates, **dict(experts.named_parameters())}
    return {"y": y.detach(), **{f"d {name}": value.grad for name, value in inputs.items()}}


def check(name: str, setting: Setting, activation: type[Activation], bias: bool, dtype) -> None:
    if refused(name, setting, dtype):
        with pytest.raises(IncompatibleSettings, match=f"model/dispatch={name}: .*take model/"):
            outcome(DISPATCHES[name], setting, activation, bias, dtype, dtype)
        return
    ours = outcome(DISPATCHES[name], setting, activation, bias, dtype, dtype)
    exact = outcome(reference_dispatch, setting, activation, bias, dtype, torch.float64)
    assert ours.keys() == exact.keys()
    for key, value in ours.items():
        assert value is not None, key  # plain DDP would wait for ever
        assert value.dtype == dtype, key
        wanted = torch.zeros_like(value) if exact[key] is None else exact[key]  # of no tokens
        assert value.shape == wanted.shape, key
        if value.numel():
            scale = max(float(wanted.abs().max()), 1e-3)
            error = float((value.double() - wanted).abs().max()) / scale
            assert error <= TOLERANCE[dtype], f"{key}: {error}"


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS.keys())
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("activation", [ReLU, GELU, SwiGLU])
@pytest.mark.parametrize("name", NAMES)
def test_a_dispatch_agrees_with_the_reference(name, activation, bias, setting):
    for dtype in (torch.float64, torch.float32):
        check(name, setting, activation, bias, dtype)


@pytest.mark.parametrize("setting", ["plain", "dropped", "all to one"])
@pytest.mark.parametrize("name", NAMES)
def test_a_dispatch_agrees_with_the_reference_in_bfloat16(name, setting):
    check(name, SETTINGS[setting], SwiGLU, True, torch.bfloat16)


@pytest.mark.parametrize("setting", ["plain", "dropped", "all to one"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("name", NAMES)
def test_a_dispatch_agrees_with_the_reference_under_autocast(name, bias, setting):
    def half(x: Tensor, routing: Routing, experts: StackedMLP) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return DISPATCHES[name](x, routing, experts).float()

    case = SETTINGS[setting], SwiGLU, bias, torch.float32
    if name == "fused":
        with pytest.raises(IncompatibleSettings, match=r"model/dispatch=fused: .*take model/"):
            outcome(half, *case, torch.float32)
        return
    ours, exact = (
        outcome(half, *case, torch.float32),
        outcome(reference_dispatch, *case, torch.float64),
    )
    assert (ours["y"] - exact["y"]).norm() > 0, "autocast was ignored"
    for key, value in exact.items():
        assert (ours[key] - value).norm() <= TOLERANCE[torch.bfloat16] * value.norm(), key


@pytest.mark.parametrize("name", NAMES)
def test_two_runs_are_equal_to_the_last_bit(name):
    setting = replace(SETTINGS["many tokens"], dropped=True)
    one, two = (
        outcome(DISPATCHES[name], setting, SwiGLU, True, torch.float32, torch.float32)
        for _ in range(2)
    )
    for key, value in one.items():
        assert torch.equal(value, two[key]), key


@pytest.mark.parametrize("name", NAMES)
def test_routes_that_do_not_run_leave_nothing_behind(name):
    """A token that is padding may hold anything; its row must reach no output and no gradient."""
    setting = SETTINGS["padding"]
    torch.manual_seed(0)
    experts = bank(setting, SwiGLU, True)
    x, gates = torch.randn(13, 8), torch.rand(13, 2)
    valid = torch.arange(13) % 3 > 0
    x[~valid] = float("nan")
    x.requires_grad_()
    y = DISPATCHES[name](x, decide(setting, gates, torch.zeros(13, 2).bool(), valid), experts)
    assert (y[~valid] == 0).all()
    y.sum().backward()
    for grad in (x.grad, *(p.grad for p in experts.parameters())):
        assert grad is not None
        assert grad.isfinite().all()

import logging

import pytest
import torch

from triptych import triton
from triptych.moe import (
    GELU,
    Specialists,
    StackedMLP,
    auto_dispatch,
    grouped_dispatch,
    loop_dispatch,
    reference_dispatch,
    triton_dispatch,
)
from triptych.moe.dispatch.auto import choose
from triptych.notices import say_once

from ..cases import routing

X = torch.randn(4, 8)
DECISION = routing([[0, 1], [1, 2], [2, 0], [0, 2]], torch.full((4, 3), 1 / 3))


def bank() -> StackedMLP:
    return StackedMLP(3, 8, 8, d_hidden=16, activation=GELU)


def test_the_compiled_operator_is_taken_and_right(operator):
    experts = bank()
    dispatch, reason = choose(X, experts, operator)
    assert dispatch not in (loop_dispatch, grouped_dispatch)
    assert reason == "dispatch fused: the compiled CPU operator"
    theirs = reference_dispatch(X, DECISION, experts)
    torch.testing.assert_close(dispatch(X, DECISION, experts), theirs, rtol=1e-5, atol=1e-6)


def test_without_operator_the_loop_is_taken_and_the_remedy_named():
    dispatch, reason = choose(X, bank(), None)
    assert dispatch is loop_dispatch
    assert "make native" in reason


def test_the_loop_is_taken_where_the_operator_would_refuse(operator):
    assert choose(X.bfloat16(), bank().bfloat16(), operator)[0] is loop_dispatch
    assert choose(X, Specialists(3, 8, 8, d_hidden=6, dropout=0.0), operator)[0] is loop_dispatch
    with torch.autocast("cpu", torch.bfloat16):
        dispatch, reason = choose(X, bank(), operator)
        assert dispatch is loop_dispatch
        assert reason == "dispatch loop: the operator does not know autocast"
        assert auto_dispatch(X, DECISION, bank()).dtype == torch.bfloat16


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_only_bfloat16_takes_grouped_products(monkeypatch):
    x, experts = X.cuda(), bank().cuda()
    assert choose(x, experts, None)[0] is loop_dispatch
    x, experts = x.bfloat16(), experts.bfloat16()
    assert choose(x, experts, None)[0] is triton_dispatch
    monkeypatch.setattr(triton, "find_spec", lambda name: None)
    dispatch, reason = choose(x, experts, None)
    assert dispatch is grouped_dispatch
    assert reason.startswith("dispatch grouped: the package triton is not installed")


def test_the_choice_is_said_once_however_many_layers_there_are(caplog):
    say_once.cache_clear()
    with caplog.at_level(logging.INFO, "triptych"):
        for _ in range(3):
            auto_dispatch(X, DECISION, bank())
    assert len(caplog.records) == 1
    assert caplog.records[0].levelname == "INFO"
    assert caplog.messages[0].startswith("dispatch ")

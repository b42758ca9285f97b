import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import Tensor

from triptych import triton
from triptych.errors import IncompatibleSettings
from triptych.moe import (
    MoE,
    SoftmaxTopK,
    Specialists,
    SwiGLU,
    grouped_dispatch,
    switch_loss,
    triton_dispatch,
    z_loss,
)

from . import triton_checks as checks
from .stacked_cases import Case, check_agreement

needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
BIG = Case(tokens=300, width=1096, hidden=264, out=1032, experts=8, activation=SwiGLU, runs="some")


@needs_triton
@pytest.mark.slow
def test_kernels_do_right_when_they_are_interpreted(tmp_path):
    file = Path(__file__).with_name("interpreted_triton.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    environment = os.environ | {"TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": ""}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]


@needs_triton
@pytest.mark.slow
def test_kernels_compile_for_a_gpu_that_is_not_there(tmp_path, monkeypatch):
    from triton import compile as compile_  # pyright: ignore[reportMissingImports]
    from triton.backends.compiler import GPUTarget  # pyright: ignore[reportMissingImports]
    from triton.compiler import ASTSource  # pyright: ignore[reportMissingImports]

    from triptych.moe.dispatch.triton import kernels

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    integers = dict.fromkeys(("token", "place", "route", "experts"), "*i64") | {"ends": "*i32"}
    constants = {"E": 8, "D": 1536, "K": 2, "F": 768, "BIAS": True, "FACTORS": True, "BLOCK": 512}
    gates = [
        (kernel, {"ACTIVATION": activation, "W": width})
        for kernel in (kernels.gate_kernel, kernels.gate_backward_kernel)
        for activation, width in (("relu", 768), ("gelu", 768), ("swiglu", 1536))
    ]
    for kernel, own in [(kernels.spread_kernel, {}), (kernels.collect_kernel, {}), *gates]:
        known = constants | own
        signature = {
            name: "constexpr" if name in known else integers.get(name, "*bf16")
            for name in kernel.arg_names
        }
        fixed = {
            (place,): known[name] for place, name in enumerate(kernel.arg_names) if name in known
        }
        source = ASTSource(fn=kernel, signature=signature, constexprs=fixed)
        assert compile_(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"]


def test_without_triton_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(triton, "find_spec", lambda name: None)
    with pytest.raises(IncompatibleSettings, match=r"triton is not installed.*grouped or loop"):
        run_once(Case(), "cpu")


@needs_triton
def test_without_a_gpu_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(IncompatibleSettings, match=r"needs a CUDA device.*grouped or loop"):
        run_once(Case(), "cpu")


@needs_triton
def test_beside_a_gpu_a_model_can_be_tried_out_on_the_cpu(monkeypatch):
    """As the rehearsal before training does."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    check_agreement(triton_dispatch, Case(runs="some"), torch.float32, "cpu")


def test_what_kernels_cannot_take_is_refused():
    case = Case()
    x, gates = case.x(torch.float32, "cpu"), case.gates(torch.float32, "cpu")
    experts = Specialists(case.experts, case.width, case.out, d_hidden=8, dropout=0.0)
    with pytest.raises(IncompatibleSettings, match="Specialists are no stacked MLPs"):
        triton_dispatch(x, case.routing(gates), experts)
    with pytest.raises(IncompatibleSettings, match="width 12"):
        run_once(Case(hidden=12, bias=False), "cpu", torch.bfloat16)


def run_once(case: Case, device: str, dtype: torch.dtype = torch.float32) -> Tensor:
    routing = case.routing(case.gates(torch.float32, device))
    return triton_dispatch(case.x(dtype, device), routing, case.bank(dtype, device))


@needs_gpu
@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("case", [*checks.CASES, *checks.EDGES, BIG])
def test_a_gpu_agrees_with_the_reference(case, dtype):
    check_agreement(triton_dispatch, case, dtype, "cuda")
    check_agreement(grouped_dispatch, case, dtype, "cuda")


@needs_gpu
@pytest.mark.gpu
def test_a_gpu_does_all_that_the_interpreter_does(monkeypatch):
    checks.agrees_with_transposed_and_expanded_gradients("cuda")
    checks.agrees_on_tokens_that_are_not_contiguous("cuda")
    checks.computes_in_the_precision_of_autocast("cuda")
    checks.keeps_one_tensor_of_n_rows_for_backward("cuda")
    checks.gives_no_gradient_to_what_is_frozen("cuda")
    checks.shows_a_nan_of_the_tokens("cuda")
    checks.agrees_with_dropout_that_drops_whole_columns("cuda", monkeypatch)


class Step:
    """One forward and backward of a layer with dropout in bfloat16, with its losses."""

    def __init__(self, dispatch) -> None:
        bank = Case(width=64, out=64, dropout=0.1).bank(torch.bfloat16, "cuda")
        self.moe = MoE(SoftmaxTopK(64, 4, top_k=2).cuda(), bank, dispatch)
        self.x = torch.randn(256, 64, device="cuda", dtype=torch.bfloat16)

    def __call__(self) -> Tensor:
        y, routing = self.moe(self.x)
        loss = y.float().square().mean() + switch_loss(routing) + z_loss(routing)
        loss.backward()
        return loss.detach()


def no_fast_product() -> bool:
    return torch.cuda.is_available() and torch.cuda.get_device_capability()[0] not in (9, 10)


on_hopper = pytest.mark.skipif(no_fast_product(), reason="grouped_mm waits on this device")


@needs_gpu
@on_hopper
@pytest.mark.gpu
@pytest.mark.parametrize("way", [triton_dispatch, grouped_dispatch])
def test_a_step_on_a_gpu_never_waits_for_the_device(way):
    step = Step(way)
    step()  # compiles kernels
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@needs_gpu
@on_hopper
@pytest.mark.gpu
def test_a_step_can_be_captured_as_a_cuda_graph():
    step = Step(triton_dispatch)
    step.moe.eval()  # no dropout: replays can be compared
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step.moe.zero_grad()
            expected = step()
    torch.cuda.current_stream().wait_stream(side)
    grads = [p.grad.clone() for p in step.moe.parameters() if p.grad is not None]
    step.moe.zero_grad()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step()
    graph.replay()
    torch.testing.assert_close(loss, expected)
    for parameter, grad in zip(step.moe.parameters(), grads, strict=True):
        torch.testing.assert_close(parameter.grad, grad)

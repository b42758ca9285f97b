import copy
import logging
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from triptych.notices import say_once
from triptych.sparse.kernels import block
from triptych.sparse.kernels.triton.function import TYPES, WIDTHS, Index, why_not_triton

from . import block_products as products
from .block_products import Case

needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@needs_triton
@pytest.mark.slow
def test_kernels_do_right_when_they_are_interpreted():
    file = Path(__file__).with_name("interpreted_blocks.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    environment = os.environ | {"TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": ""}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]


@needs_triton
@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_kernels_compile_for_a_gpu_that_is_not_there(tmp_path, monkeypatch, width):
    from triton import compile as compile_  # pyright: ignore[reportMissingImports]
    from triton.backends.compiler import GPUTarget  # pyright: ignore[reportMissingImports]
    from triton.compiler import ASTSource  # pyright: ignore[reportMissingImports]

    from triptych.sparse.kernels.triton import kernels

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    integers = dict.fromkeys(("starts", "order", "columns", "rows"), "*i64")
    integers |= dict.fromkeys(("tokens", "d_in", "d_out"), "i32")
    known = {"BLOCK": width, "TILE": 64, "PRECISION": "ieee"}
    ways = [(kernels.product_kernel, {"TRANSPOSED": way}) for way in (False, True)]
    for kernel, own in [*ways, (kernels.values_kernel, {})]:
        constants = known | own
        signature = {
            name: "constexpr" if name in constants else integers.get(name, "*bf16")
            for name in kernel.arg_names
        }
        fixed = {
            (place,): constants[name]
            for place, name in enumerate(kernel.arg_names)
            if name in constants
        }
        source = ASTSource(fn=kernel, signature=signature, constexprs=fixed)
        assert compile_(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"]


def test_on_a_cpu_there_are_no_such_kernels():
    assert "this is cpu" in str(why_not_triton(torch.zeros(2, 64), 64))
    assert Case().layer(torch.float32, "cpu").executes == "block"


def test_where_blocks_lie_is_worked_out_once_and_again_after_a_state_is_loaded(monkeypatch):
    seen: list[Index] = []

    class Product:
        @staticmethod
        def apply(x, values, bias, index):
            seen.append(index)
            return x.new_zeros(len(x), len(bias))

    monkeypatch.setattr(block, "why_not_triton", lambda *_: None)
    monkeypatch.setattr(block, "BlockProduct", Product)
    layer, other = Case().layer(torch.float32, "cpu"), Case().layer(torch.float32, "cpu")
    more = Case(sparsity=0.2).layer(torch.float32, "cpu")
    other.columns.copy_(other.columns.flip(0))
    moved = copy.deepcopy(other)
    moved.starts[1] += 1 if moved.starts[1] < moved.starts[2] else -1  # the same columns
    for step in (layer, other, moved, more):
        layer.load_state_dict(step.state_dict())
        for _ in range(2):
            layer(torch.zeros(3, 96))
        assert seen[-1] is seen[-2]
        wanted = Index.of(step.columns, step.starts, 6)
        assert all(torch.equal(vars(seen[-1])[name], value) for name, value in vars(wanted).items())


@needs_gpu
@pytest.mark.gpu
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("case", [*products.CASES, Case(1000, 64, 256, 384), Case(1000, 128, 512)])
def test_on_a_gpu_products_are_those_of_the_matrix(case, dtype):
    if case.d_in % case.block:
        case = Case(case.tokens, case.block, case.d_out, 4 * case.block)
    products.check(case, dtype, "cuda")


@needs_gpu
@pytest.mark.gpu
def test_on_a_gpu_any_strides_are_fine_and_what_is_frozen_gets_no_gradient():
    products.check_any_strides("cuda")
    products.check_frozen("cuda")


@needs_gpu
@pytest.mark.gpu
def test_a_layer_on_a_gpu_takes_the_kernels_and_never_waits_for_the_device():
    layer = Case(block=32).layer(torch.float32, "cuda")
    assert layer.executes == "block (triton)"
    x = torch.randn(2, 7, 96, device="cuda", requires_grad=True)
    for _ in range(2):
        with torch.autocast("cuda", torch.bfloat16):
            y = layer(x)
        assert y.dtype == torch.bfloat16
        y.float().sum().backward()  # the first time kernels are compiled
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
    torch.cuda.set_sync_debug_mode("default")
    error = (y.float() - x.detach() @ layer.matrix().t() - layer.bias).abs().max()
    assert 0 < error < 2e-2 * y.abs().max()
    assert layer.values.grad.dtype == torch.float32
    assert layer(x[:, :0]).shape == (2, 0, 64)


@needs_gpu
@pytest.mark.gpu
@pytest.mark.parametrize(
    ("width", "dtype", "reason"),
    [(8, torch.float32, "no kernel for model.block=8"), (16, torch.float64, "torch.float64")],
)
def test_what_has_no_kernel_goes_block_by_block_and_is_named(width, dtype, reason, caplog):
    say_once.cache_clear()
    case = Case(block=width)
    layer, same = case.layer(dtype, "cuda"), case.layer(dtype, "cpu")
    x = torch.randn(5, 96, dtype=dtype)
    with caplog.at_level(logging.INFO, "triptych"):
        torch.testing.assert_close(layer(x.cuda()).cpu(), same(x), rtol=1e-4, atol=1e-4)
    assert reason in caplog.text
    assert layer.executes == "block"

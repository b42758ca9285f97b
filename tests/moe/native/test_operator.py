"""Layers in processes of their own, where the operator cannot be had."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from triptych.native.compiler import library_of

LAYER = """
import logging, torch
logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
from triptych.moe import MoE, SoftmaxTopK, StackedMLP, fused_dispatch, fused_softmax_topk
from triptych.moe import loop_dispatch, softmax_topk
torch.manual_seed(0)
experts, x = StackedMLP(3, 4, 4, d_hidden=5), torch.randn(6, 4)
router = SoftmaxTopK(4, 3, top_k=2, select=fused_softmax_topk)
layers = [MoE(router, experts, fused_dispatch) for _ in range(2)]
ys = [layer(x)[0] for layer in layers * 2]
router.select = softmax_topk
assert all(torch.allclose(y, MoE(router, experts, loop_dispatch)(x)[0], atol=1e-6) for y in ys)
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.slow
def test_without_compiler_the_loop_answers_after_one_line_in_the_log(cache):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LAYER)],
        env={k: v for k, v in os.environ.items() if k != "CXX"} | {"PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("triptych WARNING no fused CPU operator, taking model/dispatch=loop")


@pytest.mark.slow
def test_a_file_that_is_no_library_is_named_and_not_used(cache):
    file = library_of("moe").file()
    file.parent.mkdir(parents=True)
    file.write_text("torn")
    code = LAYER.replace("fused_", "auto_")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if "does not load" in line]

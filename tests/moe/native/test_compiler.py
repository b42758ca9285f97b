"""Building in processes of their own, without compiler, at once, and after one was killed."""

import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch

from triptych.moe.native import compiler
from triptych.moe.native.compiler import BuildFailed, build, library

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


def fake_compiler(folder: Path, script: str) -> str:
    """A compiler that does what a shell script says; `$out` is the file that is asked for."""
    file = folder / "compiler"
    file.write_text(f'#!/bin/sh\nfor out; do :; done\necho x >> "{folder}/calls"\n{script}\n')
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return str(file)


def test_a_library_is_compiled_once_and_announced_once(cache, monkeypatch):
    monkeypatch.setenv("CXX", fake_compiler(cache, 'echo made > "$out"'))
    said: list[str] = []
    assert build(said.append) == build(said.append) == library()
    assert library().read_text() == "made\n"
    assert (cache / "calls").read_text() == "x\n"
    assert len(said) == 1
    assert "once" in said[0]


def test_the_name_tells_source_pytorch_and_cpu_apart(cache, monkeypatch):
    names = {library()}
    with monkeypatch.context() as patch:
        patch.setattr(torch, "__version__", "9.9")
        names.add(library())
    with monkeypatch.context() as patch:
        patch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "OTHER")
        names.add(library())
    changed = cache / "csrc"
    changed.mkdir()
    for file in compiler.SOURCES.iterdir():
        (changed / file.name).write_text(file.read_text() + "// changed\n")
    monkeypatch.setattr(compiler, "SOURCES", changed)
    names.add(library())
    assert len(names) == 4


def test_a_compiler_that_refuses_is_quoted_and_leaves_nothing(cache, monkeypatch):
    monkeypatch.setenv("CXX", fake_compiler(cache, "echo 'a.h: error: no such file' >&2; exit 1"))
    with pytest.raises(BuildFailed, match=r"^\S*compiler: a\.h: error: no such file$"):
        build(print)
    assert not library().exists()
    assert [p.name for p in library().parent.iterdir()] == ["operator.lock"]


def test_no_compiler_and_no_folder_are_failures_of_the_build(cache, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(BuildFailed, match="no-such-compiler"):
        build(print)
    (cache / "file").write_text("")
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(cache / "file"))
    with pytest.raises(BuildFailed, match="NotADirectoryError"):
        build(print)


BUILD = "from triptych.moe.native.compiler import build; build(print)"


@pytest.mark.slow
def test_processes_that_build_at_once_compile_once_and_a_killed_one_blocks_nobody(
    cache, monkeypatch
):
    """The builder is killed while it compiles; those who wait for its lock must go on."""
    monkeypatch.setenv("CXX", fake_compiler(cache, 'echo half > "$out"; sleep 60'))
    killed = subprocess.Popen([sys.executable, "-c", BUILD], start_new_session=True)
    deadline = time.monotonic() + 60
    while not (cache / "calls").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not library().exists()
    monkeypatch.setenv("CXX", fake_compiler(cache, 'sleep 1; echo whole > "$out"'))
    (cache / "calls").unlink()
    both = [subprocess.Popen([sys.executable, "-c", BUILD]) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert library().read_text() == "whole\n"
    assert (cache / "calls").read_text() == "x\n"


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
    library().parent.mkdir(parents=True)
    library().write_text("torn")
    code = LAYER.replace("fused_", "auto_")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if "does not load" in line]

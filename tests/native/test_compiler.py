"""Building in processes of their own, without compiler, at once, and after one was killed."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from triptych.native import compiler
from triptych.native.compiler import BuildFailed, Library, libraries, library_of


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Of one file, which only fake compilers see."""
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "operator.cpp").write_text("one\n")
    return Library("mine", sources)


def fake_compiler(folder: Path, script: str) -> str:
    """A compiler that does what a shell script says; `$out` is the file that is asked for."""
    file = folder / "compiler"
    file.write_text(f'#!/bin/sh\nfor out; do :; done\necho x >> "{folder}/calls"\n{script}\n')
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return str(file)


def test_a_library_is_compiled_once_and_announced_once(cache, library, monkeypatch):
    monkeypatch.setenv("CXX", fake_compiler(cache, 'echo made > "$out"'))
    said: list[str] = []
    assert library.build(said.append) == library.build(said.append) == library.file()
    assert library.file().read_text() == "made\n"
    assert (cache / "calls").read_text() == "x\n"
    assert len(said) == 1
    assert "of mine, once" in said[0]


def test_the_name_tells_panel_source_pytorch_and_cpu_apart(cache, library, monkeypatch):
    names = {library.file(), Library("other", library.sources).file()}
    with monkeypatch.context() as patch:
        patch.setattr(torch, "__version__", "9.9")
        names.add(library.file())
    with monkeypatch.context() as patch:
        patch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "OTHER")
        names.add(library.file())
    shared = cache / "include"
    shared.mkdir()
    (shared / "products.h").write_text("changed\n")
    with monkeypatch.context() as patch:
        patch.setattr(compiler, "INCLUDE", shared)
        names.add(library.file())
    (library.sources / "operator.cpp").write_text("two\n")
    names.add(library.file())
    assert len(names) == 6


def test_the_compiler_is_given_the_source_of_the_panel_and_what_panels_share(
    cache, library, monkeypatch
):
    monkeypatch.setenv("CXX", fake_compiler(cache, 'echo "$@" > "$out"'))
    words = library.build(print).read_text().split()
    assert str(library.sources / "operator.cpp") in words
    assert f"-I{compiler.INCLUDE}" in words
    assert (compiler.INCLUDE / "products.h").exists()


def test_every_panel_with_sources_is_found():
    assert [library.panel for library in libraries()] == ["moe", "sparse"]
    assert all((library.sources / "operator.cpp").exists() for library in libraries())
    assert libraries()[1] == library_of("sparse")


def test_a_compiler_that_refuses_is_quoted_and_leaves_nothing(cache, library, monkeypatch):
    monkeypatch.setenv("CXX", fake_compiler(cache, "echo 'a.h: error: no such file' >&2; exit 1"))
    with pytest.raises(BuildFailed, match=r"^\S*compiler: a\.h: error: no such file$"):
        library.build(print)
    assert not library.file().exists()
    assert [p.name for p in library.file().parent.iterdir()] == ["operator.lock"]


def test_no_compiler_and_no_folder_are_failures_of_the_build(cache, library, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(BuildFailed, match="no-such-compiler"):
        library.build(print)
    (cache / "file").write_text("")
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(cache / "file"))
    with pytest.raises(BuildFailed, match="NotADirectoryError"):
        library.build(print)


@pytest.mark.slow
def test_the_command_compiles_all_or_says_in_one_line_why_not(cache, monkeypatch):
    command = [sys.executable, "-m", "triptych.native"]
    monkeypatch.setenv("CXX", "no-such-compiler")
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert line.startswith("cannot compile the CPU operator of moe: no C++ compiler")
    monkeypatch.setenv("CXX", fake_compiler(cache, 'echo made > "$out"'))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for library in libraries():
        assert library.file().read_text() == "made\n"
        assert f"of {library.panel} is in {library.file().parent}" in done.stdout


BUILD = "from triptych.native.compiler import library_of; library_of('moe').build(print)"


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
    target = library_of("moe").file()
    assert not target.exists()
    monkeypatch.setenv("CXX", fake_compiler(cache, 'sleep 1; echo whole > "$out"'))
    (cache / "calls").unlink()
    both = [subprocess.Popen([sys.executable, "-c", BUILD]) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert target.read_text() == "whole\n"
    assert (cache / "calls").read_text() == "x\n"

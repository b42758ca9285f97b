"""Compiling the CPU operator of a panel: one shared library in PyTorch's cache of extensions."""

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
from filelock import FileLock
from torch.utils import cpp_extension

PANELS = Path(__file__).parents[1]
INCLUDE = Path(__file__).parent / "include"  # what the sources of panels share
SOURCES = Path("native/csrc")  # within a panel
# By the capability that PyTorch found at start. Not -march=native: a cache may be shared between
# machines, and a name that holds the capability then says for which of them a library is.
FLAGS_OF = {
    "AVX2": ("-mavx2", "-mfma", "-mf16c", "-DCPU_CAPABILITY=AVX2", "-DCPU_CAPABILITY_AVX2"),
    "AVX512": (
        *("-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx512bw", "-mfma", "-mf16c"),
        *("-DCPU_CAPABILITY=AVX512", "-DCPU_CAPABILITY_AVX512"),
    ),
}


class BuildFailed(RuntimeError):
    """There is no compiler, or it refused; the message is one line."""


@final
@dataclass(frozen=True)
class Library:
    """What is compiled from the sources of one panel.

    Attributes:
        panel: its name.
        sources: a folder; `operator.cpp` includes the others.
    """

    panel: str
    sources: Path

    def file(self) -> Path:
        """Where it lies once it is compiled for this source, this PyTorch and this CPU."""
        digest = hashlib.sha256(torch.__version__.encode())
        for file in (*sorted(self.sources.iterdir()), *sorted(INCLUDE.iterdir())):
            digest.update(file.name.encode() + file.read_bytes())
        for flag in _flags():
            digest.update(flag.encode())
        kind = f"{platform.system()}_{platform.machine()}_{torch.backends.cpu.get_cpu_capability()}"
        root = os.environ.get("TORCH_EXTENSIONS_DIR") or cpp_extension.get_default_build_root()
        name = f"triptych_{self.panel}_{kind}_{digest.hexdigest()[:16]}"
        return Path(root) / name / "operator.so"

    def build(self, announce: Callable[[str], None]) -> Path:
        """Compiles unless that was done before; other processes that want the same wait meanwhile.

        The lock is the operating system's, so that it ends with its process, and the library gets
        its name when it is complete: a build that was killed leaves nothing that could hurt the
        next.

        Args:
            announce: told in one line, before the compiler starts.

        Raises:
            BuildFailed: if it cannot be compiled.
        """
        target = self.file()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(target.with_suffix(".lock")):
                if not target.exists():
                    compiler = _compiler()
                    announce(f"compiling the CPU operator of {self.panel}, once, for about 30 s")
                    _compile(compiler, self.sources / "operator.cpp", target)
        except OSError as error:
            raise BuildFailed(f"{type(error).__name__}: {error}") from error
        return target


def library_of(panel: str) -> Library:
    """By the name of a panel that has sources."""
    return Library(panel, PANELS / panel / SOURCES)


def libraries() -> list[Library]:
    """Of all panels that have sources. They are found as files: this floor knows no panel."""
    return [library_of(folder.parents[1].name) for folder in sorted(PANELS.glob(f"*/{SOURCES}"))]


def _compile(compiler: list[str], source: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / target.name
        wanted = ["-o", str(made)]
        command = [*compiler, *_flags(), f"-I{INCLUDE}", str(source), *_torch(), *wanted]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            lines = (line for line in done.stderr.splitlines() if "error" in line.lower())
            reason = next(lines, f"exit code {done.returncode}")
            raise BuildFailed(f"{command[0]}: {reason.strip()}")
        made.replace(target)


def _compiler() -> list[str]:
    """The words of $CXX, or `c++`."""
    words = shlex.split(cpp_extension.get_cxx_compiler())
    if not words or shutil.which(words[0]) is None:
        raise BuildFailed(f"no C++ compiler {' '.join(words)!r}: install g++ or set CXX")
    return words


def _flags() -> list[str]:
    target = FLAGS_OF.get(torch.backends.cpu.get_cpu_capability(), ())
    return ["-shared", "-fPIC", "-O3", "-DNDEBUG", "-std=c++20", *target]


def _torch() -> list[str]:
    includes = [f"-isystem{path}" for path in cpp_extension.include_paths()]
    libraries = [f"-L{path}" for path in cpp_extension.library_paths()]
    return [*includes, *libraries, "-lc10", "-ltorch_cpu", "-ltorch"]

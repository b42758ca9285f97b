"""Types a command without the seconds that a new process needs to import torch."""

import os
import runpy
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

from triptych.sweep import SweepCallback

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Typed:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that says what was wrong."""
        (line,) = [line for line in self.err.splitlines() if line.startswith("error:")]
        return line.removeprefix("error: ")


@dataclass(frozen=True)
class Prompt:
    """A shell in a folder; `place` also receives what runs write."""

    place: Path
    monkeypatch: pytest.MonkeyPatch
    capfd: pytest.CaptureFixture[str]

    def type(self, script: str, *arguments: str) -> Typed:
        """Runs a script of the repository as `__main__`."""
        environment = dict(os.environ)
        self.monkeypatch.chdir(self.place)
        self.monkeypatch.setattr(sys, "argv", [str(ROOT / script), *arguments])
        self.monkeypatch.setattr(SweepCallback, "started", {})
        self.monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
        self.capfd.readouterr()
        try:
            runpy.run_path(str(ROOT / script), run_name="__main__")
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            GlobalHydra.instance().clear()
            os.environ.clear()
            os.environ.update(environment)
        return Typed(code, *self.capfd.readouterr())

"""Offline runs are sent to W&B one by one, and what `wandb sync` says of them is not believed.

It ends with 0 when it fails, stops at a run that was cut off, and marks a run as synced though
files of it were refused. So each run has a process of its own, and its log is read.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

MARK = ".synced"
CUT_OFF = "incomplete record"  # wandb's words


@final
@dataclass(frozen=True)
class Sent:
    """What became of one run's log.

    Attributes:
        problem: why it is not on the server as a whole; empty if it is.
        is_cut_off: whether the log has no end, as the run was killed or still goes on; what there
            is of it was sent.
    """

    problem: str = ""
    is_cut_off: bool = False


def offline_runs(folder: Path) -> list[Path]:
    """The logs of the offline runs in a folder `wandb`, the oldest first. A run that went on has
    several, and they must be sent in this order."""
    return sorted(folder.glob("offline-run-*/run-*.wandb"))


def is_sent(log: Path) -> bool:
    """Whether wandb has marked it."""
    return _mark(log).exists()


def send(log: Path, options: Sequence[str]) -> Sent:
    """Sends one run, and looks whether it arrived. Rows that were sent twice are twice on the
    server, so nothing is tried again here.

    Args:
        options: of `wandb sync`.
    """
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run(
            [sys.executable, "-m", "wandb", "sync", *options, str(log.absolute())],
            env=os.environ | {"WANDB_DIR": place},
            capture_output=True,
            text=True,
        )
        errors = [e for file in Path(place).rglob("debug-sync*.log") for e in errors_in(file)]
    said = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
    if any(CUT_OFF in line for line in said):
        return Sent("cut off (killed, or still at work): sent as far as it goes", is_cut_off=True)
    if is_sent(log) and not said and not errors and done.returncode == 0:
        return Sent()
    _mark(log).unlink(missing_ok=True)  # else it would never be tried again
    reasons = [*(line.partition("ERROR")[2].strip() for line in said), *errors]
    return Sent(reasons[0] if reasons else f"wandb sync ended with {done.returncode} and no mark")


def errors_in(file: Path) -> list[str]:
    """What could not be sent, from the log of `wandb sync`."""
    return _errors(file.read_text(encoding="utf-8").splitlines())


def _errors(lines: Iterable[str]) -> list[str]:
    """Messages of errors, each once, without those of single requests: they may be repeated."""
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    said = [
        str(entry.get("msg")) for entry in entries if str(entry.get("level")).startswith("ERROR")
    ]
    return list(dict.fromkeys(text for text in said if not text.startswith("api: ")))


def _mark(log: Path) -> Path:
    return log.with_name(log.name + MARK)

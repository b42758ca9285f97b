"""The other processes of a job on one machine, from their start to their end."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import final

READY = "TRIPTYCH_READY_FOLDER"
POLL_S = 0.05
PATIENCE_S = 120.0
"""Rank 0 may take this long to see that another rank failed, and to close its loggers."""


class RankFailed(RuntimeError):
    """Another process of the job ended before it could join; it has printed its own error."""


def ready() -> None:
    """Tells rank 0 that this process is about to join; nothing in other processes."""
    if READY in os.environ and os.environ.get("LOCAL_RANK", "0") != "0":
        Path(os.environ[READY], os.environ["LOCAL_RANK"]).touch()


@final
class Ranks:
    """Takes the place of Lightning's observer, which answers a failed rank by killing rank 0.

    In a sweep that would kill all jobs to come. A process that waits for others to join cannot be
    stopped from inside, so rank 0 starts to wait only when all others have called `ready`.
    """

    def __init__(self) -> None:
        self._children: Sequence[subprocess.Popen[bytes]] = ()
        self._ended = threading.Event()
        self._folder = tempfile.TemporaryDirectory(prefix="triptych-ranks-")
        self._outer = os.environ.get(READY)  # of a job around this one
        os.environ[READY] = self._folder.name

    def watch(self, child_processes: Sequence[subprocess.Popen[bytes]]) -> None:
        """Waits until all are ready, then watches them from a thread.

        Raises:
            RankFailed: if one ends before.
        """
        self._children = child_processes
        for rank, child in enumerate(child_processes, start=1):
            while not Path(self._folder.name, str(rank)).exists():
                if (code := child.poll()) is not None:
                    raise RankFailed(f"rank {rank} ended with code {code} before training began")
                time.sleep(POLL_S)
        threading.Thread(target=self._guard, daemon=True).start()

    def end(self, patience_s: float) -> None:
        """Waits for the processes that are left, then ends them."""
        self._ended.set()
        for child in self._children:
            try:
                child.wait(timeout=patience_s)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if self._outer is None:
            del os.environ[READY]
        else:
            os.environ[READY] = self._outer
        self._folder.cleanup()

    def _guard(self) -> None:
        """The last resort for a rank 0 that hangs in a collective with a rank that is gone."""
        while not self._ended.wait(1.0):
            if not any(child.poll() for child in self._children):
                continue
            if self._ended.wait(PATIENCE_S):
                return
            print("error: a rank failed and rank 0 hangs, so all are ended", file=sys.stderr)
            for child in self._children:
                child.kill()
            os.kill(os.getpid(), signal.SIGKILL)

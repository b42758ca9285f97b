"""The outermost shell of train.py and eval.py: errors become one line and an exit code."""

import os
import sys
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from triptych.config import register
from triptych.errors import InvalidSetting, Stopped
from triptych.launch.explain import explain
from triptych.launch.shared_name import share_name
from triptych.launch.stopping import JobFailed, Preempted, Terminated, terminable
from triptych.sweep import ENTRY, SweepCallback, finish, retyped
from triptych.world import rank, world

FULL_ERROR = "HYDRA_FULL_ERROR"
FEW_SPINS = ("GOMP_SPINCOUNT", "1000")
"""How often a thread within an operation looks for work before it sleeps. The default, millions of
times, keeps a core from other work, which then keeps the thread waited for from its core."""
ENDINGS = {
    Terminated: ("terminated", 143),
    Preempted: ("preempted", 75),
    KeyboardInterrupt: ("interrupted", 130),
}
"""What is said of an interruption, and the exit code."""


def command(job: Callable[..., object]) -> int:
    """Runs a `@hydra.main` function and says in one line what went wrong, if anything did.

    A traceback is shown for what is nobody's mistake but ours, and for all with HYDRA_FULL_ERROR=1.

    Returns:
        The exit code: 0, or 1 if the run, or any job of a sweep, failed; 130 after Ctrl-C, 143
        after SIGTERM, and 75 after SIGUSR1 or SIGUSR2: try again later (`sysexits.h`).
    """
    register()
    os.environ.setdefault(*FEW_SPINS)
    os.environ[ENTRY] = str(Path(sys.argv[0]).resolve())
    if "WORLD_SIZE" not in os.environ:
        os.environ.pop("RANK", None)  # left from something else; Lightning's loggers would obey it
    number = rank()
    wants_traceback = FULL_ERROR in os.environ and number == 0
    os.environ[FULL_ERROR] = "1"  # so that Hydra raises instead of printing and exiting itself
    code = 0
    try:
        if number == 0 or world() is not None:  # others know their one job
            sys.argv[1:] = retyped(sys.argv[1:])
        share_name(sys.argv[1:], f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}")
        with terminable():
            job()
    except KeyboardInterrupt as interrupt:
        word, code = ENDINGS.get(type(interrupt), ENDINGS[KeyboardInterrupt])
        if number == 0:
            print(word, file=sys.stderr)
    except JobFailed:
        code = 1
    except (Stopped, Exception) as stop:
        code = 1
        error = stop.__cause__ or stop if isinstance(stop, Stopped) else stop
        folder = stop.folder if isinstance(stop, Stopped) else None
        line = explain(error, _conf(Path(os.environ[ENTRY])), folder)
        if line is None or wants_traceback:
            traceback.print_exception(error)
            line = line or f"{type(error).__name__}: {error}"
        print(f"rank {number}: {line}" if number else f"error: {line}", file=sys.stderr)
    for folder, lock in SweepCallback.started.items():
        code = max(code, _finish(folder))
        lock.release()
    return code


def _conf(entry: Path) -> Path:
    """The configuration of an entry script, which stands beside it or beside its folder."""
    beside = entry.parent / "conf"
    return beside if beside.is_dir() else entry.parents[1] / "conf"


def _finish(folder: Path) -> int:
    try:
        return min(finish(folder), 1)
    except (OSError, InvalidSetting) as error:
        print(f"error: the sweep's page cannot be made: {error}", file=sys.stderr)
        return 1

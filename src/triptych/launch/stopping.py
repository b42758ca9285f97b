"""How an error leaves a job: past Hydra in a single run, into Hydra's record in a sweep."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from triptych.errors import InvalidSetting, Stopped
from triptych.launch.explain import explain


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM); all that holds for Ctrl-C holds for it."""


class Preempted(KeyboardInterrupt):
    """A scheduler has warned that it will end the process soon (SIGUSR1 or SIGUSR2)."""


class JobFailed(Exception):
    """A job of a sweep failed with its `__cause__`, which was reported when it happened."""


# Lightning sends SIGUSR1 before a job's time is over, submitit SIGUSR2, as NCCL may take the other.
ENDS: dict[int, type[KeyboardInterrupt]] = {
    signal.SIGTERM: Terminated,
    signal.SIGUSR1: Preempted,
    signal.SIGUSR2: Preempted,
}


@contextmanager
def stoppable(fail_fast: bool = False) -> Iterator[None]:
    """Around the body of a job, so that Hydra prints nothing about its errors.

    A job that fails in a sweep says so when it does, in one line.

    Args:
        fail_fast: whether a job that fails ends its sweep.

    Raises:
        Stopped: for any error of a single run, and with `fail_fast` of any job.
        JobFailed: for any error of a job in a sweep; the sweep goes on.
    """
    try:
        yield
    except Exception as error:
        hydra = HydraConfig.get()
        folder = Path(hydra.runtime.output_dir)
        if hydra.mode != RunMode.MULTIRUN:
            raise Stopped(str(error), folder) from error
        say_failed(error)
        if fail_fast:
            end = InvalidSetting("sweep.fail_fast=true: no other job is started")
            raise Stopped(str(end)) from end
        raise JobFailed(str(error)) from error


def say_failed(error: Exception) -> None:
    """One line on what failed, the job or replica that Hydra knows of, and why."""
    hydra = HydraConfig.get()
    reason = explain(error, None, Path(hydra.runtime.output_dir))
    reason = reason or f"{type(error).__name__}: {error}"
    print(f"failed {' '.join(hydra.overrides.task)}: {reason}", file=sys.stderr)


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM, SIGUSR1 and SIGUSR2 end what is inside as Ctrl-C does.

    Raises:
        Terminated: inside, when SIGTERM comes.
        Preempted: inside, when one of the others comes.
    """
    before = {number: signal.signal(number, _end) for number in ENDS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    raise ENDS[number](signal.Signals(number).name)

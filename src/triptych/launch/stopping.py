"""How an error leaves a job: past Hydra in a single run, into Hydra's record in a sweep."""

from collections.abc import Iterator
from contextlib import contextmanager

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode


class Stopped(BaseException):
    """A single run failed with its `__cause__`. No `Exception`, so that Hydra lets it pass."""


class JobFailed(Exception):
    """A job of a sweep failed with its `__cause__`, which was reported when it happened."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Around the body of a job, so that Hydra prints nothing about its errors.

    Raises:
        Stopped: for any error of a single run.
        JobFailed: for any error of a job in a sweep; the sweep goes on.
    """
    try:
        yield
    except Exception as error:
        single = HydraConfig.get().mode != RunMode.MULTIRUN
        raise (Stopped if single else JobFailed)(str(error)) from error

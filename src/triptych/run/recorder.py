"""Keeps `result.json` true from the first moment of a run to the last, whatever ends it."""

import os
import secrets
import shlex
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities.exceptions import SIGTERMException

from triptych import result as results
from triptych.errors import IncompatibleSettings, InvalidSetting, one_line
from triptych.launch.stopping import Preempted, Terminated
from triptych.result import Result
from triptych.run.facts import config_hash, git_state, now, versions
from triptych.tracking import StoreLogger, agent_run, close_run
from triptych.world import is_first_rank


def new_result(config: Mapping[str, Any], overrides: list[str]) -> Result:
    """The record of a run that is about to start."""
    panel = config["model"]["name"]
    alone = [override for override in overrides if not override.startswith("sweep.")]
    return Result(
        status="running",
        name=f"{panel}-s{config['seed']}",
        panel=panel,
        seed=config["seed"],
        overrides=overrides,
        command=shlex.join(["python", "train.py", *alone]),
        config=dict(config),
        config_hash=config_hash(config),
        git=git_state(Path(__file__).parent),
        versions=versions(),
        started=now(),
    )


def identity(folder: Path, goes_on: bool) -> str:
    """Of the run in a folder, if it goes on there; else one that no other run has. Where an agent
    of a W&B sweep started the run, the one that it was given."""
    if given := agent_run(os.environ):
        return given
    if goes_on:
        try:
            return results.read(folder / results.FILE).id or secrets.token_hex(8)
        except (OSError, ValueError):
            pass
    return secrets.token_hex(8)


def identified(loggers: Mapping[str, Any], run_id: str) -> dict[str, Any]:
    """The nodes of loggers with the identity of the run where they have room for one."""
    return {
        key: node | {"id": run_id} if node and node.get("id", run_id) is None else node
        for key, node in loggers.items()
    }


@contextmanager
def recorded(result: Result, folder: Path, loggers: Sequence[Logger]) -> Iterator[None]:
    """Writes `running` now, and what became of the run at the end; closes the loggers.

    In a sweep, settings that do not fit together are recorded as `skipped` and end there.

    Args:
        loggers: of the run; looked at when it ends, so they may be built inside.
    """
    in_sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    begin = time.perf_counter()
    _write(result, folder)
    exit_code = 1
    try:
        yield
        result.status = "finished"
        exit_code = 0
    except IncompatibleSettings as error:
        result.status = "skipped" if in_sweep else "failed"
        _note(result, error)
        if not in_sweep:
            raise
        print(f"skipped {' '.join(result.overrides)}: {error}", file=sys.stderr)
    except BaseException as error:
        interrupt = interruption(error)
        result.status = "failed" if interrupt is None else "interrupted"
        _note(result, error if interrupt is None else interrupt)
        if interrupt is None or interrupt is error:
            raise
        raise interrupt from error
    finally:
        result.ended = now()
        result.seconds["total"] = time.perf_counter() - begin
        _write(result, folder)
        close_run(exit_code)
        _end(loggers, result.status)


def _end(loggers: Sequence[Logger], status: str) -> None:
    """A tracker that cannot be told hides neither the error of the run nor its result."""
    for logger in loggers:
        if isinstance(logger, StoreLogger):
            try:
                logger.end(status)
            except Exception as error:
                kind = type(logger).__name__
                print(f"{kind} was not told `{status}`: {one_line(error)}", file=sys.stderr)


def interruption(error: BaseException) -> BaseException | None:
    """Ctrl-C or a signal, if an error was one; Lightning turns both into a plain exit."""
    if isinstance(error, SIGTERMException):
        return Terminated("SIGTERM")
    causes = (error, error.__context__) if isinstance(error, SystemExit) else (error,)
    for cause in causes:
        if isinstance(cause, Terminated | Preempted):
            return type(cause)(*cause.args)
        if isinstance(cause, KeyboardInterrupt):
            return KeyboardInterrupt("Ctrl-C")
    return (
        error if isinstance(error, SystemExit) else None
    )  # of a launcher that will start it again


def _note(result: Result, error: BaseException) -> None:
    known = isinstance(error, InvalidSetting)
    result.error = {
        "type": type(error).__name__,
        "message": str(error),
        "traceback": "" if known else "".join(traceback.format_exception(error)),
    }


def _write(result: Result, folder: Path) -> None:
    if is_first_rank():
        results.write(result, folder)

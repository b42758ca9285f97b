"""A folder of offline runs goes to W&B, with a workspace and a report that show them."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from triptych.dashboard import SECTIONS
from triptych.errors import InvalidSetting, one_line
from triptych.result import write_whole
from triptych.tracking.saved_views import save_report, save_workspace
from triptych.tracking.upload import is_sent, offline_runs, send
from triptych.tracking.workspace import require_workspaces, specification, workspace

MEMORY = "published.json"
PROJECT = "triptych"  # as in conf/logger/wandb.yaml
TIMEOUT_S = 15
Say = Callable[[str], None]


@final
@dataclass
class Memory:
    """What was published from a folder, kept beside its runs.

    Attributes:
        urls: of workspace and report, by `ENTITY/PROJECT/KIND`.
        cut_off: bytes that were sent of runs without an end, by the name of their folder.
    """

    urls: dict[str, str] = field(default_factory=dict)
    cut_off: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> "Memory":
        """What is remembered.

        Raises:
            InvalidSetting: if the file is not one of ours.
        """
        file = folder / MEMORY
        if not file.is_file():
            return cls()
        try:
            return cls(**json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise InvalidSetting(f"{file} cannot be read: move it away ({error})") from error

    def keep(self, folder: Path) -> None:
        """Writes it."""
        write_whole(folder / MEMORY, json.dumps(vars(self), indent=2) + "\n")


@final
@dataclass(frozen=True)
class Place:
    """Where things go; None: where each run was to go, else as `conf/logger/wandb.yaml` has it."""

    entity: str | None
    project: str | None

    @property
    def options(self) -> list[str]:
        """Of `wandb sync`."""
        named = (("--entity", self.entity), ("--project", self.project))
        return [word for name, value in named if value for word in (name, value)]

    @property
    def shown(self) -> tuple[str | None, str]:
        """Entity and project of workspace and report; no entity: the default of the account."""
        project = self.project or os.environ.get("WANDB_PROJECT") or PROJECT
        return self.entity or os.environ.get("WANDB_ENTITY") or None, project


def dry_run(place: Place) -> str:
    """The workspace that would be saved, as JSON. Asks nobody.

    Raises:
        InvalidSetting: if the package that builds it is missing.
    """
    require_workspaces()
    entity, project = place.shown
    spec = specification(workspace(SECTIONS, entity or "ENTITY", project))
    return json.dumps(spec, indent=2, ensure_ascii=False)


def publish(folder: Path, place: Place, say: Say) -> list[str]:
    """Sends what is not sent yet, then saves workspace and report.

    Args:
        folder: of wandb, as `logs/wandb`.
        place: where all goes.
        say: takes a line about each step.

    Returns:
        What failed, a line each.

    Raises:
        InvalidSetting: where nothing can be published: no folder, no login, a package is missing.
    """
    if not folder.is_dir():
        raise InvalidSetting(f"{folder}: no such folder; a training makes logs/wandb where it runs")
    require_workspaces()
    entity, project = place.shown
    account = _account()
    memory = Memory.of(folder)
    failures = _send_all(folder, place, memory, say)
    for kind, save in (("workspace", save_workspace), ("report", save_report)):
        key = f"{entity or account}/{project}/{kind}"
        try:
            memory.urls[key] = save(entity or account, project, memory.urls.get(key))
        except Exception as error:  # whatever client and server may say
            failures.append(f"{kind}: {one_line(error)}")
        else:
            memory.keep(folder)
            say(f"{kind}: {memory.urls[key]}")
    return failures


def _account() -> str:
    """The default entity of the account.

    Raises:
        InvalidSetting: without a login, or if the server does not know it or does not answer.
    """
    import wandb

    if mode := os.environ.get("WANDB_MODE"):  # wandb would say that nobody is logged in
        raise InvalidSetting(f"WANDB_MODE={mode} is for trainings: unset it to publish")
    if not wandb.login(prompt=False, verify=False):
        raise InvalidSetting("not logged in to W&B: run `wandb login`, or set WANDB_API_KEY")
    try:
        return str(wandb.Api(timeout=TIMEOUT_S).default_entity)
    except Exception as error:
        raise InvalidSetting(
            f"W&B refuses the login or does not answer: {one_line(error)}"
        ) from error


def _send_all(folder: Path, place: Place, memory: Memory, say: Say) -> list[str]:
    failures: list[str] = []
    new = [log for log in offline_runs(folder) if not is_sent(log)]
    known = {log for log in new if memory.cut_off.get(log.parent.name) == log.stat().st_size}
    for log in known:
        say(f"{log.parent.name}: cut off, was sent before as far as it goes")
    for log in new:
        if log in known:
            continue
        name, size = log.parent.name, log.stat().st_size
        sent = send(log, place.options)
        if sent.is_cut_off:
            memory.cut_off[name] = size
            memory.keep(folder)
        if sent.problem:
            failures.append(f"{name}: {sent.problem}")
        else:
            say(f"{name}: sent")
    if not new:
        say(f"no run in {folder} is left to send")
    return failures

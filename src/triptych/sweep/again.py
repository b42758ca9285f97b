"""Going on with a sweep: its command, and what became of a job before."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from triptych import result as results
from triptych.errors import InvalidSetting
from triptych.result import Result
from triptych.sweep.note import FILE, read_note

RESUME = "sweep.resume="
LAST = Path("checkpoints", "last.ckpt")


def retyped(arguments: Sequence[str]) -> list[str]:
    """The command line with what its `sweep.resume=FOLDER` stands for: the command of that sweep.

    Settings that are typed beside it stay as they are typed, and then the command is taken to be
    typed in full.

    Raises:
        InvalidSetting: if there is no sweep in the folder.
    """
    asked = next((a for a in arguments if a.startswith(RESUME)), RESUME)
    folder = asked.removeprefix(RESUME)
    if folder in ("", "null"):
        return list(arguments)
    note = read_note(Path(folder))
    if note is None:
        raise InvalidSetting(f"{asked}: there is no {FILE} in that folder")
    settings = [a for a in arguments if "=" in a and not a.startswith(("-", "sweep.", "hydra"))]
    old = [] if settings else [o for o in note.overrides if not o.startswith(RESUME)]
    about_hydra = [o for o in note.hydra if not o.startswith(("hydra.sweep.dir=", "hydra.mode="))]
    several = [] if {"-m", "--multirun"} & set(arguments) else ["--multirun"]
    place = arguments.index(asked)  # settings stand together: between them Hydra takes no flags
    return [*several, *arguments[:place], *old, *about_hydra, *arguments[place:]]


@final
@dataclass(frozen=True)
class Earlier:
    """What an earlier start of the sweep left of a job.

    Attributes:
        result: its record, of the very settings of the job.
        checkpoint: to go on from, if it did not finish.
    """

    result: Result
    checkpoint: Path | None

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return self.result.status == "finished"


def earlier(folder: Path, config_hash: str) -> Earlier | None:
    """What is in the folder of a job that is about to start; None where nothing can be used.

    Raises:
        InvalidSetting: if it holds a finished run of other settings, which would be lost.
    """
    try:
        before = results.read(folder / results.FILE)
    except (OSError, ValueError):  # none, or one that says nothing
        return None
    if before.config_hash != config_hash:
        if before.status == "finished":
            raise InvalidSetting(
                f"{folder} holds a finished run of other settings ({before.config_hash}, now"
                f" {config_hash}): the configuration has changed; take another hydra.sweep.dir"
            )
        return None
    last = folder / LAST
    return Earlier(before, last if last.is_file() else None)

"""What a sweep's folder says of the sweep: `sweep.json`."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import final

from triptych.errors import InvalidSetting
from triptych.result import write_whole

FILE = "sweep.json"
LEFT_OUT = ("sweep.", "logger", "hydra")


@final
@dataclass(frozen=True)
class Note:
    """Written when a sweep starts.

    Attributes:
        jobs: how many it has.
        report: the folder of its page.
        overrides: what was typed, references unresolved.
        hydra: what was typed for Hydra itself, such as the launcher.
    """

    jobs: int
    report: str
    overrides: list[str]
    hydra: list[str]

    @property
    def grid(self) -> list[str]:
        """What was typed about the jobs, neither about the sweep nor about loggers; in its order,
        by which jobs are numbered."""
        return [o for o in self.overrides if not o.lstrip("+~").startswith(LEFT_OUT)]

    @property
    def is_search(self) -> bool:
        """Whether a sweeper chooses what the next job is, so that numbers say nothing of jobs."""
        chosen = [o.partition("=")[2] for o in self.hydra if o.startswith("hydra/sweeper=")]
        return chosen[-1:] not in ([], ["basic"])

    def write(self, folder: Path) -> Path:
        """As a whole file."""
        return write_whole(folder / FILE, json.dumps(asdict(self), indent=1) + "\n")


def read_note(folder: Path) -> Note | None:
    """The note of a folder; None if it has none.

    Raises:
        InvalidSetting: if it is no note.
    """
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        return Note(**json.loads(file.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise InvalidSetting(f"{file} is no note of a sweep: {error}") from error

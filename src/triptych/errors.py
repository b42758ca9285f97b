"""What a user can get wrong: one line each, naming the key, the value and the remedy."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class InvalidSetting(ValueError):
    """A setting that no run can use. The message is the whole line that the user sees."""


class IncompatibleSettings(InvalidSetting):
    """Settings that are fine alone but not together: a sweep records the pair as skipped."""


class NotInLockstep(InvalidSetting):
    """Runs that one program cannot train together, though each could be trained alone."""


class Stopped(BaseException):
    """The command cannot go on, for its `__cause__`. No `Exception`, so that Hydra lets it pass.

    Attributes:
        folder: of the run, if there was one already.
    """

    def __init__(self, message: str, folder: Path | None = None) -> None:
        super().__init__(message)
        self.folder = folder


class TrainingDiverged(ArithmeticError):
    """The loss stopped being a finite number; the message names the step."""


class LayerCollapsed(ArithmeticError):
    """A sparse layer lost its last weight; the message names layer and step."""


class ReplicaFailed(RuntimeError):
    """Of nets that one process trained together not all could be; the message says how many."""


class MasksDiffer(RuntimeError):
    """Processes that train one net together have different masks; the message names the step."""


class FolderVanished(RuntimeError):
    """Something removed what a run had written, while it was at work."""

    def __init__(self, file: Path | str) -> None:
        super().__init__(f"{file} is gone: something removed it during the run")


def check_dropout(probability: float) -> None:
    """Refuses a dropout that no layer can have.

    Raises:
        InvalidSetting: if it is outside [0, 1).
    """
    if not 0 <= probability < 1:
        raise InvalidSetting(f"dropout must be in [0, 1), got {probability}")


def check_width(d_hidden: int, dropout: float, least: int = 1) -> None:
    """Refuses a number of hidden units or a dropout that no net can have.

    Raises:
        InvalidSetting: naming it.
    """
    if d_hidden < least:
        raise InvalidSetting(f"d_hidden must be at least {least}, got {d_hidden}")
    check_dropout(dropout)


def nearest(key: str, keys: Iterable[str]) -> str:
    """A question that ends a message, if one of the keys is near.

    >>> nearest("sead", ["seed", "data"])
    "; did you mean 'seed'?"
    """
    near = get_close_matches(key, list(keys), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def one_line(error: object) -> str:
    """The text of an error without its line breaks, and without Hydra's note of the full key."""
    return " ".join(str(error).split()).split(" full_key:")[0]

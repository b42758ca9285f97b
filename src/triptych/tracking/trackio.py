"""Trackio: an extra, imported when a run opens, as that takes half a second.

Rows go to the store that its client writes, without the client: that asks a server for the name of
the account wherever somebody is logged in, prints, and drops what it cannot write. The store is not
a public interface, hence one minor version at a time.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, final

from lightning.fabric.utilities.rank_zero import rank_zero_only

from triptych.errors import FolderVanished, InvalidSetting, one_line
from triptych.folders import require_writable
from triptych.tracking.flat import Flat
from triptych.tracking.packages import require_packages
from triptych.tracking.store_logger import StoreLogger

PLACE = "TRACKIO_DIR"
STATUS = "status"
ALARMS = {"failed": "error", "skipped": "error", "interrupted": "warn"}


@final
class TrackioLogger(StoreLogger):
    """A run of Trackio in a database in `folder`; `trackio sync` sends it anywhere else later.

    Trackio knows no status of a run: it is kept among the settings, and an end before the time is
    an alert, which its page shows. Steps that a run repeats after it went on are there twice.

    Args:
        folder: of the store; one for all runs.
        project: under which runs are filed.
        name: title of the run.
        group: name that the jobs of one sweep share.
        id: identity of the run, with which it goes on if it is there; None for a new one.

    Raises:
        InvalidSetting: if the package is missing or the folder cannot be written to.
    """

    def __init__(
        self,
        folder: str | Path,
        project: str = "triptych",
        name: str = "run",
        group: str | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__()
        require_packages("trackio", "trackio")
        self._folder = Path(folder).absolute()
        self._project = project
        self._title = name
        self._group = group
        self._identity = id or os.urandom(16).hex()
        self._settings: dict[str, Any] = {}
        self._store: Any = None
        self._check_folder()

    @rank_zero_only
    def _check_folder(self) -> None:
        require_writable(self._folder, "logger.trackio.folder")

    def _open(self, settings: Mapping[str, Any]) -> None:
        self._store = _store_in(self._folder)
        try:
            self._store.validate_project_name(self._project)
        except ValueError as error:
            raise InvalidSetting(f"logger.trackio.project: {one_line(error)}") from error
        before = self._store.get_run_config(self._project, run_id=self._identity) or {}
        # Names that Trackio's own client gives.
        made = {"_Created": before.get("_Created", _text(datetime.now(UTC).timestamp()))}
        self._settings = dict(settings) | made | {"_Group": self._group}
        self._mark("running")

    def _mark(self, status: str) -> None:
        """Settings come along with a row only, so with an empty one."""
        at = _text(datetime.now(UTC).timestamp())
        self._write([{}], self._step, at, self._settings | {STATUS: status})

    def _send(self, row: Mapping[str, float], step: int, at_s: float) -> None:
        self._write([dict(row)], step, _text(at_s), None)

    def _send_tables(self, tables: Mapping[str, Flat], step: int) -> None:
        from trackio import Table

        # What its client sends for a table, which it has no public name for.
        row = {
            f"tables/{name}": {
                "_type": Table.TYPE,
                "_value": Table(columns=list(flat.columns), data=[*map(list, flat.rows)]).data,
            }
            for name, flat in tables.items()
        }
        self._write([row], step, _text(datetime.now(UTC).timestamp()), None)

    def _end(self, status: str) -> None:
        self._mark(status)
        if status in ALARMS:
            self._store.bulk_alert(
                self._project,
                self._title,
                titles=[status],
                texts=[None],
                levels=[ALARMS[status]],
                steps=[self._step],
                run_id=self._identity,
            )

    def _write(
        self, rows: list[dict[str, Any]], step: int, at: str, settings: Mapping[str, Any] | None
    ) -> None:
        if not self._folder.is_dir():
            raise FolderVanished(self._folder)
        self._store.bulk_log(
            self._project,
            self._title,
            rows,
            steps=[step] * len(rows),
            timestamps=[at] * len(rows),
            config=settings,
            run_id=self._identity,
        )


def _store_in(folder: Path) -> Any:
    """Trackio's store; where it is, is read when the package is imported.

    Raises:
        InvalidSetting: if this process has another store already, or databases are not safe there.
    """
    with _variable(PLACE, str(folder)):
        from trackio import utils
        from trackio.sqlite_storage import SQLiteStorage
    if folder != utils.TRACKIO_DIR:
        raise InvalidSetting(
            f"logger.trackio.folder={folder}: this process writes to {utils.TRACKIO_DIR} already, "
            "and trackio has one folder for each process: start another command"
        )
    if utils.get_storage_mode() != "sqlite":
        raise InvalidSetting(
            f"logger.trackio.folder={folder} is on a network, where runs would spoil each other's "
            "database: choose a folder on this machine, or set TRACKIO_STORAGE_MODE=sqlite"
        )
    return SQLiteStorage


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _text(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat()

"""MLflow: an extra, imported when a run opens, as that takes a second.

Its client is used without Lightning's logger, which sets addresses for the whole process, cuts
settings off, and ends an interrupted run as one that failed. `mlflow-skinny` has the client and the
stores; what it lacks is the page that shows them.
"""

import json
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

from filelock import FileLock
from lightning.fabric.utilities.rank_zero import rank_zero_only

from triptych.errors import InvalidSetting, one_line
from triptych.folders import require_writable
from triptych.tracking.flat import Flat
from triptych.tracking.packages import require_packages
from triptych.tracking.store_logger import StoreLogger

STATUSES = {
    "finished": "FINISHED",
    "failed": "FAILED",
    "skipped": "FAILED",
    "interrupted": "KILLED",
}
IDENTITY = "triptych.id"
GROUP = "group"
MOST_NUMBERS = 1000  # of a message
MOST_SETTINGS = 100
# What a user has set stays. Without the first, the import starts a thread that reports to MLflow's
# makers; without the second, a server that is away would be asked for four minutes.
CALM = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}


@final
class MlflowLogger(StoreLogger):
    """A run of MLflow, by default in a database in `folder`.

    A run that goes on keeps the settings it began with, as MLflow never changes one; steps that it
    repeats are there twice, and the newer value counts.

    Args:
        folder: of the local store, `mlflow.db` and `artifacts`; one for all runs.
        uri: where runs go instead, such as the address of a server; None for the local store. A
            server that goes away and stays away ends the run as one that failed.
        experiment: under which runs are filed; made if missing.
        name: title of the run.
        group: tag that the jobs of one sweep share; None for no such tag.
        tags: words to filter by.
        id: identity of a run to go on with, if there is one; None for a new run.

    Raises:
        InvalidSetting: if a package is missing or the folder cannot be written to.
    """

    def __init__(
        self,
        folder: str | Path,
        uri: str | None = None,
        experiment: str = "triptych",
        name: str | None = None,
        group: str | None = None,
        tags: Mapping[str, str] | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__()
        database = ("sqlalchemy", "alembic")  # which mlflow-skinny alone does not bring along
        self._folder = Path(folder).absolute()
        self._uri = uri or None
        require_packages("mlflow", "mlflow", *(database if self._uri is None else ()))
        self._experiment = experiment
        self._title = name
        self._tags = {**(tags or {}), GROUP: group, IDENTITY: id}
        self._identity = id
        self._client: Any = None
        self._run = ""
        if self._uri is None:
            self._check_folder()

    @rank_zero_only
    def _check_folder(self) -> None:
        require_writable(self._folder, "logger.mlflow.folder")

    def _open(self, settings: Mapping[str, Any]) -> None:
        for name, value in CALM.items():
            os.environ.setdefault(name, value)
        from mlflow.exceptions import MlflowException

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells of each table it makes
        try:
            with self._alone():
                self._begin()
            known = self._client.get_run(self._run).data.params
            self._keep({key: value for key, value in settings.items() if key not in known})
        except MlflowException as error:
            place = "folder" if self._uri is None else "uri"
            raise InvalidSetting(f"logger.mlflow.{place}: {one_line(error)}") from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Of two processes that make one database at once, one could fail."""
        if self._uri is not None:
            yield
            return
        with FileLock(self._folder / "mlflow.lock"):
            yield

    def _begin(self) -> None:
        from mlflow import MlflowClient

        local = f"sqlite:///{self._folder / 'mlflow.db'}"
        self._client = MlflowClient(local if self._uri is None else self._uri)
        experiment = self._experiment_id()
        if found := self._earlier(experiment):
            self._run = found
            self._client.update_run(found, status="RUNNING")
            return
        tags = {key: value for key, value in self._tags.items() if value is not None}
        made = self._client.create_run(experiment, run_name=self._title, tags=tags)
        self._run = made.info.run_id

    def _experiment_id(self) -> str:
        from mlflow.exceptions import MlflowException

        if found := self._client.get_experiment_by_name(self._experiment):
            return found.experiment_id
        # Else MLflow would put artifacts of its local stores where the command was typed.
        place = (self._folder / "artifacts").as_uri() if self._uri is None else None
        try:
            return self._client.create_experiment(self._experiment, artifact_location=place)
        except MlflowException:  # on a server another job may have been faster
            if found := self._client.get_experiment_by_name(self._experiment):
                return found.experiment_id
            raise

    def _earlier(self, experiment: str) -> str | None:
        if self._identity is None:
            return None
        wanted = f"tags.`{IDENTITY}` = '{self._identity}'"
        found = self._client.search_runs([experiment], filter_string=wanted, max_results=1)
        return found[0].info.run_id if found else None

    def _keep(self, settings: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        params = [Param(_name(key), str(value)) for key, value in settings.items()]
        for some in _parts(params, MOST_SETTINGS):
            self._client.log_batch(self._run, params=some)

    def _send(self, row: Mapping[str, float], step: int, at_s: float) -> None:
        from mlflow.entities import Metric

        at_ms = int(at_s * 1000)
        numbers = [Metric(_name(key), value, at_ms, step) for key, value in row.items()]
        for some in _parts(numbers, MOST_NUMBERS):
            self._client.log_batch(self._run, metrics=some)

    def _send_tables(self, tables: Mapping[str, Flat], step: int) -> None:
        """As `log_table` does, which adds to a table that is there: a test that comes again would
        be there twice."""
        from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_ARTIFACTS

        files = {f"tables/{name}.json": flat for name, flat in tables.items()}
        for file, flat in files.items():
            content = {"columns": list(flat.columns), "data": [list(row) for row in flat.rows]}
            self._client.log_text(self._run, json.dumps(content), file)
        listed = json.dumps([{"path": file, "type": "table"} for file in files])
        self._client.set_tag(self._run, MLFLOW_LOGGED_ARTIFACTS, listed)

    def _end(self, status: str) -> None:
        at_ms = int(time.time() * 1000)
        self._client.set_terminated(self._run, STATUSES[status], at_ms)


def _name(key: str) -> str:
    """A key with nothing that MLflow refuses, as names of classes may hold anything.

    >>> _name("val/acc"), _name("test/acc/a&b")
    ('val/acc', 'test/acc/a_b')
    """
    return re.sub(r"[^\w/.\- :]", "_", key)


def _parts(whole: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
    """In their order, at most so many at a time.

    >>> list(_parts([1, 2, 3], 2))
    [[1, 2], [3]]
    """
    return (whole[start : start + most] for start in range(0, len(whole), most))

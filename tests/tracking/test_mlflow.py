import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch
from filelock import FileLock
from lightning.fabric.utilities.rank_zero import rank_zero_only

from triptych.errors import InvalidSetting
from triptych.evaluations import Evaluation
from triptych.tracking import CsvLogger, MlflowLogger
from triptych.tracking.flat import flattened

from . import tiny
from .stores import CONFIG, Kept, mlflow_runs, numbers
from .test_csv import by_step
from .test_flat import TABLES

pytest.importorskip("mlflow")


@dataclass(frozen=True)
class Store:
    """One store for all tests, as it takes seconds to make; an experiment for each."""

    logs: Path
    experiment: str

    def logger(self, **settings: Any) -> MlflowLogger:
        given = {"name": "moe-s0", "id": "7", "experiment": self.experiment, **settings}
        return MlflowLogger(self.logs / "mlflow", **given)

    def runs(self) -> list[Kept]:
        return mlflow_runs(self.logs, self.experiment)

    def only(self) -> Kept:
        (run,) = self.runs()
        return run


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@pytest.fixture
def store(no_account: Path, logs: Path, request: pytest.FixtureRequest) -> Store:
    return Store(logs, request.node.name)


def test_a_run_has_every_number_of_the_table_and_all_settings(store: Store) -> None:
    adapter = store.logger(group="sweep", tags={"panel": "moe"})
    adapter.log_hyperparams(CONFIG)
    runner = tiny.fit([CsvLogger("run"), adapter])
    runner.test(runner.lightning_module, tiny.rows(4), verbose=False)
    assert store.only().status == "RUNNING"
    adapter.end("finished")
    run = store.only()
    assert run.numbers == numbers(by_step(Path("run")))
    assert len(run.numbers) == 2 * 4 + 2
    assert run.settings == {
        "seed": "0",
        "model.name": "moe",
        "model.router.top_k": "2",
        "model.router.noise": "None",
    }
    assert (run.name, run.group, run.status) == ("moe-s0", "sweep", "FINISHED")
    assert sorted(path.name for path in Path().iterdir()) == ["home", "run"]
    assert {path.name for path in store.logs.glob("mlflow/*")} <= {"mlflow.db", "mlflow.lock"}


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        ("finished", "FINISHED"),
        ("failed", "FAILED"),
        ("skipped", "FAILED"),
        ("interrupted", "KILLED"),
    ],
)
def test_a_run_is_marked_as_it_ended_and_keeps_its_last_row(
    store: Store, status: str, kept: str
) -> None:
    adapter = store.logger()
    adapter.log_hyperparams({})
    adapter.log_metrics({"a": torch.tensor(0.1)}, 7)
    adapter.end(status)
    adapter.end("finished")  # it has ended
    assert (store.only().status, store.only().numbers) == (
        kept,
        {(7, "a"): float(torch.tensor(0.1))},
    )


def test_a_row_is_there_when_a_checkpoint_was_written(store: Store) -> None:
    adapter = store.logger()
    adapter.log_hyperparams({})
    adapter.log_metrics({"a": 1}, 3)
    adapter.log_metrics({"b": 2}, 3)
    assert store.only().numbers == {}
    adapter.after_save_checkpoint(None)
    assert store.only().numbers == {(3, "a"): 1, (3, "b"): 2}


def test_a_run_that_goes_on_stays_one_and_the_newer_value_of_a_step_counts(
    store: Store,
) -> None:
    for steps, settings in ((1, {"epochs": 1}), (3, {"epochs": 2, "more": 1})):
        adapter = store.logger()
        adapter.log_hyperparams(settings)
        assert store.only().status == "RUNNING"
        for step in range(steps):
            adapter.log_metrics({"a": steps + step}, step)
        adapter.end("interrupted")
    assert store.only().numbers == {(0, "a"): 3, (1, "a"): 4, (2, "a"): 5}
    assert store.only().settings == {"epochs": "1", "more": "1"}


def test_runs_without_an_identity_are_as_many_as_were_opened(store: Store) -> None:
    for _ in range(2):
        adapter = store.logger(id=None)
        adapter.log_hyperparams({})
        adapter.end("finished")
    assert [run.status for run in store.runs()] == ["FINISHED", "FINISHED"]


def test_the_tables_of_a_test_are_there_once_however_often_it_is_repeated(
    store: Store,
) -> None:
    adapter = store.logger()
    adapter.log_hyperparams({})
    for split, step in (("val", 3), ("test", 7), ("test", 7)):
        adapter.log_tables(Evaluation(split, step, TABLES))
    expected = {
        name: [dict(zip(flat.columns, row, strict=True)) for row in flat.rows]
        for name, flat in flattened(TABLES).items()
    }
    assert store.only().tables == expected


def test_names_numbers_and_sizes_that_mlflow_refuses_pass(store: Store) -> None:
    adapter = store.logger()
    adapter.log_hyperparams({f"a{index}": "x" * 20_000 for index in range(101)})
    adapter.log_metrics({f"a{index}": index for index in range(1001)}, 0)
    adapter.log_metrics({"acc/a&b": 1.0, "loss": math.nan}, 1)
    adapter.end("failed")
    found = dict(store.only().numbers)
    assert math.isnan(found.pop((1, "loss")))
    assert found == {(0, f"a{index}"): index for index in range(1001)} | {(1, "acc/a_b"): 1.0}
    assert len(store.only().settings) == 101


def test_another_rank_writes_nothing(no_account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    adapter = MlflowLogger("logs/mlflow")
    adapter.log_hyperparams(CONFIG)
    adapter.log_metrics({"a": 1.0}, 0)
    adapter.log_tables(Evaluation("test", 0, TABLES))
    adapter.finalize("success")
    adapter.end("finished")
    assert not Path("logs").exists()


@pytest.mark.parametrize("uri", ["file:elsewhere", "http://127.0.0.1:9", "nonsense://a"])
def test_a_store_that_cannot_be_used_is_one_line(
    no_account: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(InvalidSetting, match=r"^logger\.mlflow\.uri: [^\n]+$"):
        MlflowLogger("unused", uri=uri).log_hyperparams({})
    assert not Path("unused").exists()


def test_a_database_of_ones_own_is_used(store: Store) -> None:
    uri = f"sqlite:///{store.logs / 'mlflow' / 'mlflow.db'}"
    adapter = MlflowLogger("unused", uri=uri, experiment=store.experiment, id="a")
    adapter.log_hyperparams(CONFIG)
    adapter.end("finished")
    assert store.only().status == "FINISHED"
    assert not Path("unused").exists()


def test_a_folder_that_cannot_be_written_is_refused(no_account: Path) -> None:
    Path("logs").write_text("a file")
    with pytest.raises(InvalidSetting, match=r"^logger\.mlflow\.folder=\S+/logs/mlflow cannot be"):
        MlflowLogger("logs/mlflow")


@pytest.mark.parametrize("name", ["mlflow", "sqlalchemy", "alembic"])
def test_a_missing_package_is_one_line_with_the_remedy(
    no_account: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        InvalidSetting, match=r"^logger=mlflow [^\n]*pip install -e '\.\[trackers\]'$"
    ):
        MlflowLogger("logs/mlflow")


def test_tables_are_listed_for_the_page_that_shows_them(store: Store) -> None:
    from mlflow import MlflowClient

    adapter = store.logger()
    adapter.log_hyperparams({})
    adapter.log_tables(Evaluation("test", 7, TABLES))
    client = MlflowClient(f"sqlite:///{store.logs / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(store.experiment)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    listed = json.loads(run.data.tags["mlflow.loggedArtifacts"])
    assert {entry["path"] for entry in listed} == {
        f"tables/{name}.json" for name in flattened(TABLES)
    }


def test_a_run_waits_while_another_process_makes_the_store(store: Store) -> None:
    store.logger().log_hyperparams({})
    adapter = store.logger(id="8")
    opening = Thread(target=adapter.log_hyperparams, args=({},))
    with FileLock(store.logs / "mlflow" / "mlflow.lock"):
        opening.start()
        opening.join(timeout=2)
        assert opening.is_alive()
        assert len(store.runs()) == 1
    opening.join()
    assert len(store.runs()) == 2

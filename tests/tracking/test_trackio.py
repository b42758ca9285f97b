import math
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.fabric.utilities.rank_zero import rank_zero_only

from triptych.errors import FolderVanished, InvalidSetting
from triptych.evaluations import Evaluation
from triptych.tracking import CsvLogger, TrackioLogger
from triptych.tracking.flat import flattened

from . import tiny
from .stores import CONFIG, Kept, numbers, trackio_runs
from .test_csv import by_step
from .test_flat import TABLES

# Not imported here: where its store is, is settled by the import.
pytestmark = pytest.mark.skipif(find_spec("trackio") is None, reason="needs trackio")


@dataclass(frozen=True)
class Store:
    """One store for all tests, as a process has no other; a project for each."""

    logs: Path
    project: str

    def logger(self, **settings: Any) -> TrackioLogger:
        given = {"name": "moe-s0", "id": "7", "project": self.project, **settings}
        return TrackioLogger(self.logs / "trackio", **given)

    def runs(self) -> list[Kept]:
        return trackio_runs(self.logs, self.project)

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
    adapter = store.logger(group="sweep")
    adapter.log_hyperparams(CONFIG)
    assert (store.only().status, store.only().numbers) == ("running", {})
    runner = tiny.fit([CsvLogger("run"), adapter])
    runner.test(runner.lightning_module, tiny.rows(4), verbose=False)
    adapter.end("finished")
    run = store.only()
    assert run.numbers == numbers(by_step(Path("run")))
    assert len(run.numbers) == 2 * 4 + 2
    named = {key: value for key, value in run.settings.items() if not key.startswith("_")}
    assert named == {
        "seed": 0,
        "model.name": "moe",
        "model.router.top_k": 2,
        "model.router.noise": None,
        "status": "finished",
    }
    assert (run.id, run.name, run.group, run.status) == ("7", "moe-s0", "sweep", "finished")
    assert sorted(path.name for path in Path().iterdir()) == ["home", "run"]
    assert list(Path("home").iterdir()) == []


@pytest.mark.parametrize(
    ("status", "alerts"),
    [
        ("finished", []),
        ("failed", [("error", "failed")]),
        ("skipped", [("error", "skipped")]),
        ("interrupted", [("warn", "interrupted")]),
    ],
)
def test_a_run_is_marked_as_it_ended_and_keeps_its_last_row(
    store: Store, status: str, alerts: list[tuple[str, str]]
) -> None:
    adapter = store.logger()
    adapter.log_hyperparams({})
    adapter.log_metrics({"a": torch.tensor(0.1)}, 7)
    adapter.end(status)
    adapter.end("finished")  # it has ended
    run = store.only()
    assert (run.status, run.alerts) == (status, alerts)
    assert run.numbers == {(7, "a"): float(torch.tensor(0.1))}


def test_a_row_is_there_when_a_checkpoint_was_written(store: Store) -> None:
    adapter = store.logger()
    adapter.log_hyperparams({})
    adapter.log_metrics({"a": 1}, 3)
    adapter.log_metrics({"b": 2})
    assert store.only().numbers == {}
    adapter.after_save_checkpoint(None)
    assert store.only().numbers == {(3, "a"): 1, (3, "b"): 2}


def test_a_run_that_goes_on_stays_one_with_its_new_settings(store: Store) -> None:
    began = set()
    for steps in (1, 3):
        adapter = store.logger()
        adapter.log_hyperparams({"steps": steps})
        assert store.only().status == "running"
        for step in range(steps):
            adapter.log_metrics({"a": steps + step}, step)
        adapter.end("interrupted")
        began.add(store.only().settings["_Created"])
    assert store.only().numbers == {(0, "a"): 3, (1, "a"): 4, (2, "a"): 5}
    assert store.only().settings["steps"] == 3
    assert len(began) == 1


def test_runs_of_one_name_are_as_many_as_were_opened(store: Store) -> None:
    for value in (1, 2):
        adapter = store.logger(id=None)
        adapter.log_hyperparams({})
        adapter.log_metrics({"a": value}, 0)
        adapter.end("finished")
    assert [run.numbers for run in store.runs()] == [{(0, "a"): 1}, {(0, "a"): 2}]


def test_the_tables_of_a_test_are_tables_at_its_step(store: Store) -> None:
    adapter = store.logger()
    adapter.log_hyperparams({})
    for split, step in (("val", 3), ("test", 7)):
        adapter.log_tables(Evaluation(split, step, TABLES))
    assert store.only().tables == {
        name: [dict(zip(flat.columns, row, strict=True)) for row in flat.rows]
        for name, flat in flattened(TABLES).items()
    }


def test_what_is_no_finite_number_arrives(store: Store) -> None:
    adapter = store.logger()
    adapter.log_hyperparams({})
    adapter.log_metrics({"loss": math.nan, "peak": math.inf}, 1)
    adapter.end("failed")
    found = store.only().numbers
    assert math.isnan(found[1, "loss"])
    assert found[1, "peak"] == math.inf


def test_another_rank_writes_nothing(no_account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    adapter = TrackioLogger("logs/trackio")
    adapter.log_hyperparams(CONFIG)
    adapter.log_metrics({"a": 1.0}, 0)
    adapter.log_tables(Evaluation("test", 0, TABLES))
    adapter.finalize("success")
    adapter.end("finished")
    assert not Path("logs").exists()


def test_a_second_store_in_one_process_is_refused(store: Store) -> None:
    store.logger().log_hyperparams({})
    with pytest.raises(InvalidSetting, match=r"^logger\.trackio\.folder=\S+/other: this process"):
        TrackioLogger("other").log_hyperparams({})


@pytest.mark.parametrize("project", ["registry-a", "a_configs"])
def test_a_name_that_trackio_keeps_for_itself_is_refused(store: Store, project: str) -> None:
    with pytest.raises(InvalidSetting, match=rf"^logger\.trackio\.project: [^\n]*{project}[^\n]*$"):
        store.logger(project=project).log_hyperparams({})


def test_a_folder_where_databases_are_not_safe_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACKIO_STORAGE_MODE", "jsonl")  # which a folder on a network amounts to
    with pytest.raises(InvalidSetting, match=r"on a network[^\n]*TRACKIO_STORAGE_MODE=sqlite$"):
        store.logger().log_hyperparams({})


def test_a_store_that_vanished_is_said_and_not_begun_anew(store: Store) -> None:
    adapter = store.logger()
    adapter.log_hyperparams({})
    place, aside = store.logs / "trackio", store.logs / "aside"
    place.rename(aside)
    try:
        adapter.log_metrics({"a": 1}, 0)
        with pytest.raises(FolderVanished):
            adapter.finalize("success")
        assert not place.exists()
    finally:
        aside.rename(place)


def test_a_folder_that_cannot_be_written_is_refused(no_account: Path) -> None:
    Path("logs").write_text("a file")
    with pytest.raises(InvalidSetting, match=r"^logger\.trackio\.folder=\S+/logs/trackio cannot"):
        TrackioLogger("logs/trackio")


def test_a_missing_package_is_one_line_with_the_remedy(
    no_account: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trackio", None)
    remedy = r"^logger=trackio [^\n]*pip install -e '\.\[trackers\]'$"
    with pytest.raises(InvalidSetting, match=remedy):
        TrackioLogger("logs/trackio")

"""What the page knows of real runs, and of runs that are not done, torn or unreadable."""

import csv
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from triptych.dashboard import SECTIONS
from triptych.errors import InvalidSetting
from triptych.report.dashboard.collect import collect
from triptych.result import read

from .conftest import Places

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def content(places: Places) -> dict[str, Any]:
    return collect([places.root], places.root / "dashboard.html", SECTIONS)


def run_of(content: dict[str, Any], **wanted: object) -> dict[str, Any]:
    (found,) = (run for run in content["runs"] if all(run[k] == v for k, v in wanted.items()))
    return found


def test_every_run_is_there_with_its_status_and_its_folder(content):
    told = sorted((run["group"], run["status"], run["name"]) for run in content["runs"])
    finished = [
        ("panels", "finished", f"{p}-s{s}") for p in ("ffn", "moe", "sparse") for s in (0, 1)
    ]
    assert told == [("live", "failed", "moe-s7"), ("live", "running", "moe-s7"), *finished]


def test_panels_come_in_the_order_of_the_house_and_seeds_within(content):
    finished = [run["name"] for run in content["runs"] if run["group"] == "panels"]
    assert finished == ["ffn-s0", "ffn-s1", "sparse-s0", "sparse-s1", "moe-s0", "moe-s1"]


def test_the_numbers_are_those_of_the_files(content, places: Places):
    run = run_of(content, name="sparse-s1")
    folder = (places.root / unquote(run["link"])).parent
    record = read(folder / "result.json")
    assert (record.name, record.id) == ("sparse-s1", run["id"])
    assert run["values"]["test/acc last"] == pytest.approx(
        record.metrics["test"]["test/acc"], rel=1e-4
    )
    rows = list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))
    accuracies = [float(row["val/acc"]) for row in rows if row["val/acc"]]
    assert run["curves"]["val/acc"] == pytest.approx(accuracies, rel=1e-4)
    assert run["values"]["val/acc max"] == pytest.approx(max(accuracies), rel=1e-4)
    assert run["steps"] == tuple(int(row["step"]) for row in rows if row["val/acc"])


def test_a_running_run_has_the_whole_rows_of_its_curve_and_none_of_its_torn_one(content):
    run = run_of(content, status="running")
    assert len(run["steps"]) == 1
    assert len(run["curves"]["val/acc"]) == 1
    assert [one["split"] for one in run["heat"]] == ["val", "val"]
    assert "test/acc last" not in run["values"]
    assert run["values"]["val/acc max"] == run["curves"]["val/acc"][0]


def test_the_first_line_of_an_error_is_told(content):
    assert run_of(content, status="failed")["error"] == "no <b>such</b> thing"


def test_only_mixtures_have_heat_and_a_familys_shares_sum_to_a_thousand(content):
    assert {run["panel"] for run in content["runs"] if run["heat"]} == {"moe"}
    heat = run_of(content, name="moe-s0")["heat"]
    assert [one["split"] for one in heat] == ["val", "val", "test"]
    sums = [sum(row) for layer in heat[-1]["layers"] for row in layer["shares"]]
    assert len(sums) == 2 * 4
    assert sums == pytest.approx([1000] * 8, abs=4)


def test_settings_that_all_runs_share_are_told_only_if_sweeps_turn_them(content):
    knobs = run_of(content, name="moe-s0")["knobs"]
    assert knobs["model.top_k"] == 2
    assert knobs["model.lr"] == 0.003
    assert knobs["model.router"] == "SoftmaxTopK"
    assert "data.n_train" not in knobs
    assert not any(name.endswith("_partial_") for name in knobs)


def test_an_unreadable_record_is_a_note_and_not_the_end(own: Path):
    (own / "panels" / "0" / "result.json").write_text("{")
    found = collect([own], own / "dashboard.html", SECTIONS)
    assert len(found["runs"]) == 7
    (note,) = found["notes"]
    assert note.startswith(f"Left out: {own / 'panels' / '0' / 'result.json'} is ")


def test_two_finished_runs_of_one_setting_and_seed_are_a_note(own: Path):
    (own / "panels" / "0").rename(own / "one")
    (own / "panels" / "1").rename(own / "two")
    (own / "two" / "result.json").write_text((own / "one" / "result.json").read_text())
    found = collect([own], own / "dashboard.html", SECTIONS)
    assert found["notes"] == ["ffn, seed 0: 2 finished runs; all of them are shown and count."]


def test_groups_of_two_roots_are_told_apart(places: Places):
    roots = [places.sweep, places.torn.parent]
    found = collect(roots, places.root / "dashboard.html", SECTIONS)
    assert {run["group"] for run in found["runs"]} == {"panels", "live"}


def test_no_folder_and_no_run_are_one_line(tmp_path: Path):
    with pytest.raises(InvalidSetting, match="no such folder"):
        collect([tmp_path / "no"], tmp_path / "page.html", SECTIONS)
    with pytest.raises(InvalidSetting, match="no run below"):
        collect([tmp_path], tmp_path / "page.html", SECTIONS)

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from triptych.errors import InvalidSetting
from triptych.report.build import build_report
from triptych.report.figures import charts


def test_a_report_leaves_page_tables_and_figures(nine_runs: Path, tmp_path: Path):
    out = tmp_path / "out"
    report = build_report([nine_runs], out)
    assert report.page == out / "index.html"
    assert report.headline.text.startswith("moe is ahead of ffn")
    drawn = charts(report.runs, report.headline.comparisons)
    assert {p.stem for p in (out / "figures").glob("*.png")} == {chart.name for chart in drawn}
    with (out / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["setting"], row["runs"]) for row in rows] == [
        ("ffn", "3"),
        ("sparse", "3"),
        ("moe", "3"),
    ]
    assert float(rows[0]["test_acc"]) == report.summary["test_acc"][0]
    assert len((out / "runs.csv").read_text().splitlines()) == 10
    assert len((out / "curves.csv").read_text().splitlines()) == 1 + 9 * 12
    assert (out / "table.md").read_text().startswith("| Setting |")


def test_figures_of_an_earlier_report_do_not_stay(nine_runs: Path, tmp_path: Path):
    stale = tmp_path / "out" / "figures" / "stale.png"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"")
    build_report([nine_runs / "ffn-s0"], tmp_path / "out")
    assert not stale.exists()


def test_a_report_inside_its_own_root_can_be_built_again(write_run, fake):
    root = write_run(fake("ffn", 0, 0.9))
    first = build_report([root], root / "report").page.read_text()
    assert build_report([root], root / "report").page.read_text() == first


def test_without_a_finished_run_the_page_lists_the_failures(write_run, fake, tmp_path):
    error = {"type": "TrainingDiverged", "message": "loss is nan at step 7", "traceback": ""}
    write_run(fake("moe", 0, 0.5, status="failed", error=error))
    report = build_report([tmp_path / "runs"], tmp_path / "out")
    assert report.headline.text == "No finished run."
    page = report.page.read_text()
    assert "loss is nan at step 7" in page
    assert "<figure" not in page
    assert 'id="results"' not in page


def test_notes_of_the_configuration_are_shown_once(write_run, fake, tmp_path):
    for seed in range(2):
        config = {"sweep": {"notes": ["Budgets are not matched.", f"seed {seed}"]}}
        write_run(fake("ffn", seed, 0.9, config=config))
    write_run(fake("moe", 0, 0.9, config={"sweep": None}))
    page = build_report([tmp_path / "runs"], tmp_path / "out").page.read_text()
    assert page.count("Budgets are not matched.") == 1


def test_no_run_at_all_is_one_clear_line(tmp_path: Path):
    with pytest.raises(InvalidSetting, match="no run below") as caught:
        build_report([tmp_path], tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_report_needs_no_torch():
    code = "import sys, triptych.report; print({'torch', 'lightning'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"

import importlib
import json
import subprocess
import sys
import time
from math import comb
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
KEYS = ["schema", "name", "commit", "date", "machine", "versions", "notes", "rows"]
ROW_KEYS = ["case", "subject", "baseline", "ratio", "low", "high", "goal", "better"]


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("bench_format")


def row(bench, ratio=0.5, low=0.4, high=0.6, goal=0.7, better="lower"):
    return bench.Row("a case", "ours", "theirs", ratio, low, high, goal, better)


def test_a_subject_that_takes_half_as_long_has_a_ratio_near_one_half(bench):
    ratios = bench.interleave(lambda: time.sleep(0.01), lambda: time.sleep(0.02), rounds=7)
    assert len(ratios) == 7
    assert 0.3 < sorted(ratios)[3] < 0.8


def test_subject_and_baseline_take_turns_after_one_warm_up_each(bench):
    calls = []
    bench.interleave(lambda: calls.append("s"), lambda: calls.append("b"), rounds=3)
    assert "".join(calls) == "sb" + "sb" + "bs" + "sb"


@pytest.mark.parametrize(("n", "k"), [(6, 1), (8, 1), (9, 2), (15, 4), (20, 6)])
def test_the_interval_is_the_narrowest_pair_of_order_statistics_with_95_percent(bench, n, k):
    # the table of sign-test intervals: k-th smallest and k-th largest
    assert bench.median_interval(list(range(1, n + 1)))[1:] == (k, n + 1 - k)
    assert 1 - 2 * sum(comb(n, i) for i in range(k)) / 2**n >= 0.95
    assert 1 - 2 * sum(comb(n, i) for i in range(k + 1)) / 2**n < 0.95


def test_five_rounds_are_too_few_for_an_interval(bench):
    with pytest.raises(ValueError, match="needs 6 rounds or more, got 5"):
        bench.median_interval([1, 2, 3, 4, 5])


def test_a_goal_is_met_only_by_the_whole_interval(bench):
    assert row(bench, high=0.6, goal=0.6).met
    assert not row(bench, high=0.61, goal=0.6).met
    assert row(bench, low=1.2, goal=1.1, better="higher").met
    assert not row(bench, low=1.0, goal=1.1, better="higher").met


def test_a_goal_inside_the_interval_is_neither_met_nor_missed(bench):
    inside = [row(bench, low=0.4, high=0.9), row(bench, low=0.4, high=0.9, better="higher")]
    for one in inside:
        assert one.reached
        assert not one.met
    assert not row(bench, low=0.71, high=0.9).reached
    assert not row(bench, low=0.1, high=0.69, better="higher").reached
    page = bench.markdown(bench.describe("x", [*inside, row(bench, low=0.71, high=0.9)]))
    assert page.count("| <= 0.7 | within the interval |") == 1
    assert "| <= 0.7 | no |" in page


def test_notes_and_more_versions_stand_below_the_table(bench):
    report = bench.describe("x", [row(bench)], ["One.", "Two."], ["hydra-core"])
    assert report["notes"] == ["One.", "Two."]
    page = bench.markdown(report)
    assert "| yes |\n\n- One.\n- Two.\n\nsystem:" in page
    assert "· hydra-core " in page


def test_a_row_without_a_goal_informs_and_cannot_fail(bench):
    informs = row(bench, low=7, high=9, goal=None)
    assert informs.met
    assert "| 7 to 9 | none | - |" in bench.markdown(bench.describe("x", [informs]))


def test_ratios_are_of_what_both_sides_measured_themselves(bench):
    subject, baseline = iter([100.0, 3.0, 8.0]), iter([100.0, 2.0, 4.0])
    # the first of each is a warm-up and does not count
    assert bench.ratios(lambda: next(subject), lambda: next(baseline), rounds=2) == [1.5, 2.0]


def test_the_json_and_the_page_hold_the_same_rows(bench, tmp_path, capsys):
    out = tmp_path / "deep" / "x.json"
    bench.publish("x", [row(bench), row(bench, high=0.9)], out)
    report = json.loads(out.read_text())
    assert list(report) == KEYS
    assert list(report["rows"][0]) == ROW_KEYS
    page = out.with_suffix(".md").read_text()
    assert "| a case | ours | theirs | 0.5 | 0.4 to 0.6 | <= 0.7 | yes |" in page
    assert "| 0.4 to 0.9 | <= 0.7 | within the interval |" in page
    assert capsys.readouterr().out.strip() == page.strip()


@pytest.mark.slow
def test_the_quick_benchmark_of_the_data_runs_and_writes(tmp_path):
    out = tmp_path / "data.json"
    command = [sys.executable, str(SCRIPTS / "bench_data.py"), "--quick", "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    report = json.loads(out.read_text())
    assert report["name"] == "data"
    assert len(report["rows"]) == 4
    assert all(0 < r["low"] <= r["ratio"] <= r["high"] for r in report["rows"])


def test_committed_results_have_the_format_of_today(bench):
    for file in (SCRIPTS.parent / "benchmarks").glob("*.json"):
        report = json.loads(file.read_text())
        assert list(report) == KEYS
        assert report["schema"] == bench.SCHEMA
        assert file.with_suffix(".md").read_text() == bench.markdown(report)

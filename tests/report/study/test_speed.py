"""Accuracy against the time of an answer: in words, in a figure, and in claims."""

import pytest

from triptych.report.chart import Line
from triptych.report.study import build_study_report
from triptych.report.study.claims import judged
from triptych.report.study.latencies import write_latencies
from triptych.report.study.outcomes import Outcomes, read_outcomes
from triptych.report.study.speed import speed, speed_table

from ...browser import Visit
from .made import latencies, study

ARMS = {"dense": ["model=ffn"], "wide": ["model=ffn"], "moe": ["model=moe"]}
LEVELS = {"dense": 0.8, "wide": 0.9, "moe": 0.91}
MANY = {"dense": 0.001, "wide": 0.004, "moe": 0.002}
ONE = {"dense": 0.0001, "wide": 0.0002, "moe": 0.0008}


def timed(folder, cells=("K=1",), **changes) -> Outcomes:
    plan = {"cells": {cell: [] for cell in cells}, "arms": ARMS, **changes}
    study(folder, lambda run: LEVELS[run.arm], **plan)
    seconds = {
        (cell, arm, batch): taken
        for cell in cells
        for batch, times in ((512, MANY), (1, ONE))
        for arm, taken in times.items()
    }
    write_latencies(folder, latencies(seconds))
    return read_outcomes(folder)


def test_arms_of_one_panel_are_joined_in_the_order_of_the_study(tmp_path):
    chart = speed(timed(tmp_path))
    assert chart is not None
    lines = [
        {mark.name: (mark.x, mark.y) for mark in pane.marks if isinstance(mark, Line)}
        for pane in chart.panes
    ]
    assert [pane.x.title for pane in chart.panes] == ["ms for 512 answers", "ms for one answer"]
    assert lines[0] == {
        "ffn": ([1, 4], pytest.approx([80, 90])),
        "moe": ([2], pytest.approx([91])),
    }
    assert lines[1]["ffn"][0] == pytest.approx([0.1, 0.2])


def test_each_cell_has_panes_of_its_own_with_few_round_ticks_around_the_data(tmp_path):
    chart = speed(timed(tmp_path, cells=("K=1", "K=2")))
    assert chart is not None
    assert [pane.title for pane in chart.panes] == ["K=1", "K=1", "K=2", "K=2"]
    assert chart.panes[0].x.ticks == pytest.approx([1, 2, 5])
    assert chart.panes[1].x.ticks == pytest.approx([0.1, 0.2, 0.5, 1])


def test_the_table_has_milliseconds_with_quartiles(tmp_path):
    rows = speed_table(timed(tmp_path))
    assert rows[1:] == [
        ["K=1", "dense", "80.00", "1 [0.9, 1.2]", "0.1 [0.09, 0.12]"],
        ["K=1", "wide", "90.00", "4 [3.6, 4.8]", "0.2 [0.18, 0.24]"],
        ["K=1", "moe", "91.00", "2 [1.8, 2.4]", "0.8 [0.72, 0.96]"],
    ]


def test_a_study_that_was_not_timed_says_nothing_of_time(tmp_path):
    outcomes = study(tmp_path, lambda run: 0.9)
    assert speed(outcomes) is None
    assert len(speed_table(outcomes)) == 1
    assert "Time of an answer" not in build_study_report(tmp_path, tmp_path / "out").tables


@pytest.mark.parametrize(
    ("cost", "ratio", "holds"), [("latency", 2.0, True), ("latency_of_one", 0.25, False)]
)
def test_a_claim_can_be_of_the_time_to_answer(tmp_path, cost, ratio, holds):
    """For 88 % the wide dense net takes 4 ms and experts 2; for one answer .2 and .8."""
    claim = {"claim": "x", "arm": "moe", "over": ["dense", "wide"], "target": 88, "least": 1}
    (verdict,) = judged(timed(tmp_path, claims=[{**claim, "cost": cost}]))
    assert verdict.measured.value == pytest.approx(ratio)
    assert verdict.holds is holds


def test_a_claim_of_time_is_not_judged_before_that_is_measured(tmp_path):
    claim = {"claim": "x", "arm": "moe", "over": ["dense"], "target": 10, "least": 1}
    claims = [{**claim, "cost": "latency"}]
    (verdict,) = judged(study(tmp_path, lambda run: 0.9, claims=claims))
    assert verdict.holds is None


def test_the_page_shows_it_and_says_on_what_it_was_measured(tmp_path, browser):
    timed(tmp_path / "runs")
    report = build_study_report(tmp_path / "runs", tmp_path / "out")
    assert (tmp_path / "out" / "figures" / "speed.png").is_file()
    visit = Visit(browser, report.page)
    words = visit.page.locator("body").inner_text()
    assert "one thread of a machine, torch 2.0, 40 rounds" in words
    assert visit.page.locator("#time-of-an-answer a").count() > 0
    assert visit.complaints == []

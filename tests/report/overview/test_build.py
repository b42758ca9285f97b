"""All studies on one page: what it says, where its numbers lead, and that a browser draws it."""

from pathlib import Path

import pytest

from triptych.errors import InvalidSetting
from triptych.report.advice import read_table
from triptych.report.overview import build_overview

from ...browser import Visit
from ..study.made import study
from ..study.test_differences import level
from ..test_page import ATTACK

CLAIMS = [
    {"claim": "far ahead", "cell": "K=32", "arm": "moe", "minus": "dense", "least": 4},
    {"claim": f"further {ATTACK}", "cell": "K=32", "arm": "moe", "minus": "dense", "least": 40},
]


def config(trial):
    rules = int(trial.cell.partition("=")[2])
    data = {"_target_": "triptych.data.ClustersData", "n_train": 500, "d_in": 32}
    return {"data": {**data, "num_clusters": rules}}


@pytest.fixture(scope="module")
def overview(tmp_path_factory):
    """Two studies that agree, and one that compares no panels."""
    runs = tmp_path_factory.mktemp("runs")
    question = {"question": f"Which <one>? {ATTACK}"}
    study(runs / "first", level, claims=CLAIMS, config=config, **question)
    study(
        runs / "second", level, flops=lambda run: 1e9 if run.cell == "K=1" else 4e9, config=config
    )
    alone = {"arms": {ATTACK: ["model=moe"]}, "baselines": [ATTACK]}
    study(runs / "third", lambda run: 0.9, config=config, **alone)
    folders = [runs / name for name in ("first", "second", "third")]
    return build_overview(folders, tmp_path_factory.mktemp("out"))


def test_the_answer_names_leads_and_what_was_not_confirmed(overview):
    assert list(overview.answer) == [
        "Panels were compared on 4 tasks in 2 of 3 studies.",
        "moe is ahead of the panels measured beside it in first (K=32: by 5.00 points);"
        " second (K=32: by 5.00 points).",
        "No lead is shown between dense and moe in first (K=1); second (K=1).",
        "Expectations written down before the first run: 1 confirmed, 1 not confirmed.",
        f"Not confirmed: “further {ATTACK}” (first).",
    ]


def test_a_table_that_is_there_keeps_other_studies_and_no_row_twice(tmp_path):
    table = tmp_path / "measured.csv"
    for name, accuracy in (("a", 0.5), ("b", 0.6), ("a", 0.7)):
        study(tmp_path / str(accuracy) / name, lambda run, level=accuracy: level, config=config)
        build_overview([tmp_path / str(accuracy) / name], tmp_path / "out", table)
    found = {(row.study, round(row.scores[0], 1)) for row in read_table(table)}
    assert found == {("b", 0.6), ("a", 0.7)}
    assert len(read_table(table)) == 4 + 4


def test_the_table_has_every_arm_of_every_study(overview):
    rows = read_table(overview.table)
    assert len(rows) == 4 + 4 + 2
    assert [(r.study, r.cell, r.arm) for r in rows if r.study == "third"] == [
        ("third", "K=1", ATTACK),
        ("third", "K=32", ATTACK),
    ]
    assert {(r.task.samples, r.task.features, r.task.classes) for r in rows} == {(500, 32, 2)}
    assert rows[0].scores == pytest.approx(overview.rows[0].scores)


def test_two_studies_of_one_name_are_refused(tmp_path):
    with pytest.raises(InvalidSetting, match="same: two folders have that name"):
        build_overview([tmp_path / "a" / "same", tmp_path / "b" / "same"], tmp_path / "out")


def test_a_browser_draws_it_and_every_number_leads_to_its_runs(overview, browser):
    """From the page over all studies to the page of a study, and there to the records of runs."""
    visit = Visit(browser, overview.page)
    page = visit.page
    assert (visit.requests, visit.complaints) == ([overview.page.as_uri()], [])
    announced = int(page.get_attribute("body", "data-plots") or 0)
    drawn = "[...document.querySelectorAll('.plot .trace')].map(t => t.closest('.plot'))"
    assert page.evaluate(f"new Set({drawn}).size") == announced
    assert page.locator("figure").count() == 2 + 3 + 1
    assert page.evaluate("window.hacked") is None
    ids = page.evaluate("[...document.querySelectorAll('section, figure')].map(e => e.id)")
    assert len(set(ids)) == len(ids) == 2 + 3 + 6
    numbers = page.locator("#tasks td a", has_text="±")
    assert numbers.count() == page.locator("#tasks td", has_text="±").count() == 4 + 4 + 2
    page.locator("#tasks tr", has_text="K=32").first.locator("a", has_text="85.00").click()
    page.locator("body[data-drawn]").wait_for()
    shown = page.locator("#runs details[open]")
    assert shown.count() == 1
    assert shown.locator("summary").inner_text() == "K=32, moe: 6 compared, 1 to tune"
    files = shown.locator("td a").evaluate_all("links => links.map(link => link.href)")
    assert len(files) == 7
    assert all(Path(file.removeprefix("file://")).is_file() for file in files)


def test_in_the_dark_on_a_narrow_screen_and_on_paper_it_can_be_read(overview, browser):
    visit = Visit(browser, overview.page, "dark")
    tick = "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    assert int(visit.page.evaluate(tick).removeprefix("rgb(").split(",")[0]) > 128
    widths = "[...document.querySelectorAll('.plot .main-svg')].map(svg => svg.clientWidth)"
    for width, medium in ((390, "screen"), (720, "print")):
        visit.page.set_viewport_size({"width": width, "height": 800})
        visit.page.emulate_media(media=medium)
        visit.page.wait_for_function(f"() => Math.max(...{widths}) <= {width}")
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width

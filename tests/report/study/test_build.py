"""The page of a study, its tables, and that a browser draws it."""

import pandas as pd
import pytest

from triptych.report.ceilings import KnownCeiling, write_ceilings
from triptych.report.study import build_study_report, print_study_report
from triptych.report.study.figures import place

from ...browser import Visit
from .made import study
from .test_differences import level

CLAIMS = [
    {"claim": "<b>far</b> ahead", "cell": "K=32", "arm": "moe", "minus": "dense", "least": 4},
    {"claim": "further", "cell": "K=32", "arm": "moe", "minus": "dense", "least": 40},
]


@pytest.fixture
def report(tmp_path):
    study(tmp_path / "runs", level, claims=CLAIMS, question="Which <one>?")
    return build_study_report(tmp_path / "runs", tmp_path / "out")


def test_tables_have_what_the_runs_scored(report):
    arms = pd.read_csv(report.page.parent / "arms.csv").set_index(["cell", "arm"])
    assert arms.loc[("K=32", "moe"), "test_acc"] == pytest.approx(0.85)
    assert arms.loc[("K=32", "moe"), "seeds"] == 6
    assert arms.loc[("K=32", "moe"), "training_flops"] == 1e9
    runs = pd.read_csv(report.page.parent / "runs.csv")
    assert set(runs["stage"]) == {"tuning", "comparison"}
    assert len(runs) == 4 + 24
    assert runs.query("stage == 'tuning'")["test_acc"].isna().all()
    assert runs.query("stage == 'comparison'")["test_acc"].notna().all()
    found = pd.read_csv(report.page.parent / "differences.csv")
    assert list(found["verdict"]) == ["tie", "ahead"]
    text = (report.page.parent / "table.md").read_text()
    assert "| moe | 90.00 ± 0.19 | 85.00 ± 0.19 |" in text
    # Differences of shifts: -1, 5, -1, -4, 2, -1 thousandths; 2.57 sqrt(48 / 5) / sqrt(6) = 3.25.
    assert "| further | at least 40 | 5.00 [4.67, 5.33] | 6 | DOES NOT HOLD |" in text


def test_the_most_that_can_be_known_stands_beside_what_was_reached(tmp_path):
    """.9 with six seeds is above .89 by far, and below .95."""
    data = {"data": {"num_clusters": 1}}, {"data": {"num_clusters": 32}}
    configs = dict(zip(("K=1", "K=32"), data, strict=True))
    study(tmp_path / "runs", level, config=lambda trial: configs[trial.cell])
    highest = (0.95, 0.95), (0.95, 0.84), (0.89, 0.95)
    for one, many in highest:
        known = [KnownCeiling(c["data"], 0, a, 0.0) for c, a in zip(data, (one, many), strict=True)]
        write_ceilings(tmp_path / "runs", known)
        page = build_study_report(tmp_path / "runs", tmp_path / "out").page
        text = (page.parent / "table.md").read_text()
        assert f"| the most that can be known | {100 * one:.2f} | {100 * many:.2f} |" in text
        assert ("Nobody exceeds" in text) is ((one, many) == highest[0])
        assert ("dense in K=1 (89.00 %), moe in K=1 (89.00 %)" in text) is (one < 0.9)
        assert ("moe in K=32 (84.00 %)" in text) is (many < 0.85)


@pytest.mark.parametrize(
    ("tried", "is_told"),
    [([0.01, 0.02], True), ([0.005, 0.01], True), ([0.005, 0.01, 0.02], False), ([0.01], False)],
)
def test_a_rate_at_an_end_of_what_was_tried_is_told(tmp_path, tried, is_told):
    """`made.study` takes .01."""
    study(tmp_path / "runs", level, tried=tried)
    said = build_study_report(tmp_path / "runs", tmp_path / "out").said
    told = [line for line in said if line.startswith("The best learning rate that was tried")]
    assert len(told) == is_told
    assert all("dense in K=1 (0.01), moe in K=1 (0.01), dense in K=32" in line for line in told)


def test_over_all_cells_an_arm_has_a_mean_and_a_chance_against_the_baseline(report):
    """Moe has the accuracies of dense in one cell of two and beats it in the other. Its runs are 6
    near .9 and 6 near .85, the middle half of them 3 of each; the chance is (.5 + 1) / 2."""
    rows = (report.page.parent / "table.md").read_text().splitlines()
    overall = rows[rows.index("## Over all cells") :]
    (moe,) = (row for row in overall[:6] if row.startswith("| moe |"))
    mean, chance = (cell.split()[0] for cell in moe.split(" | ")[1:])
    assert float(mean) == pytest.approx(87.5, abs=0.15)
    assert float(chance) == pytest.approx(0.75, abs=0.01)


def test_the_answer_and_the_claims_are_printed(report, capsys):
    print_study_report(report)
    printed = capsys.readouterr().out
    assert "moe: ahead of dense in K=32 (+5.00); a tie with dense in K=1 (0.00)." in printed
    assert "holds: <b>far</b> ahead (at least 4" in printed
    assert str(report.page) in printed


def test_a_browser_draws_all_figures_without_a_request_or_a_complaint(report, browser):
    visit = Visit(browser, report.page)
    panes = visit.page.locator(".plot .main-svg").count()
    assert panes > 0
    assert visit.page.locator("figure").count() == 2
    answer = visit.page.locator("#answer").inner_text()
    assert "written down before the first run: 1 confirmed, 1 not confirmed." in answer
    assert visit.complaints == []
    assert "Which <one>?" in visit.page.locator("h1").inner_text()
    assert visit.page.locator("b").count() == 0


def test_costs_are_drawn_where_an_arm_was_trained_at_several(tmp_path):
    costs = {"K=1": 1e9, "K=32": 4e9}
    study(tmp_path / "runs", level, flops=lambda run: costs[run.cell])
    report = build_study_report(tmp_path / "runs", tmp_path / "out")
    drawn = {file.stem for file in (tmp_path / "out" / "figures").iterdir()}
    assert drawn == {"cells", "differences", "frontier"}
    assert "FLOPs of training" in report.page.read_text()


@pytest.mark.parametrize(("cell", "number"), [("K=32", 32.0), ("rho=.5", 0.5), ("all", None)])
def test_cells_that_are_numbers_have_a_place(cell, number):
    assert place(cell) == number

"""The map of who is best where."""

import pytest

from triptych.report.study import build_study_report
from triptych.report.study.figures import arm_styles
from triptych.report.study.winners import winner, winners

from ...browser import Visit
from .made import study

MAP = {
    "cells": {f"K={k}, n={n}": [f"data.num_clusters={k}"] for k in (32, 4) for n in (500, 2000)},
    "arms": {"dense": ["model=ffn"], "sparse": ["model=sparse"], "moe": ["model=moe"]},
}
BEST = {
    "K=4, n=500": {"dense": 0.8, "sparse": 0.82, "moe": 0.7},
    "K=4, n=2000": {"dense": 0.9, "sparse": 0.9001, "moe": 0.8},
    "K=32, n=500": {"dense": 0.8, "sparse": 0.7, "moe": 0.79},
    "K=32, n=2000": {"dense": 0.8, "sparse": 0.7, "moe": 0.9},
}


def known(trial):
    return BEST[trial.cell][trial.arm]


def test_the_best_arm_wins_and_its_lead_is_to_the_second(tmp_path):
    outcomes = study(tmp_path, known, **MAP)
    found = {cell: winner(outcomes, cell) for cell in BEST}
    assert {cell: best.arm for cell, best in found.items()} == {
        "K=4, n=500": "sparse",
        "K=4, n=2000": "sparse",
        "K=32, n=500": "dense",
        "K=32, n=2000": "moe",
    }
    assert [best.lead for best in found.values()] == pytest.approx([0.02, 0.0001, 0.01, 0.1])
    assert [best.is_shown for best in found.values()] == [True, False, True, True]


def test_places_lie_in_the_order_of_their_numbers(tmp_path):
    outcomes = study(tmp_path, known, **MAP)
    chart = winners(outcomes, arm_styles(outcomes))
    (tiles,) = chart.panes[0].marks
    assert (tiles.x, tiles.y) == (["4", "32"], ["500", "2,000"])
    assert [[tile.text for tile in row] for row in tiles.rows] == [
        ["sparse +2.00", "dense +1.00"],
        ["sparse +0.01", "moe +10.00"],
    ]
    assert [[tile.is_hatched for tile in row] for row in tiles.rows] == [
        [False, False],
        [True, False],
    ]


@pytest.mark.parametrize("cells", [["K=4", "K=8"], ["K=4, n=5", "K=8"], ["K=4, n=5", "K=4, m=5"]])
def test_other_cells_make_no_map(tmp_path, cells):
    outcomes = study(tmp_path, lambda trial: 0.5, cells={cell: [] for cell in cells})
    assert winners(outcomes, arm_styles(outcomes)) is None


def test_a_place_that_was_not_measured_stays_empty(tmp_path):
    cells = {cell: MAP["cells"][cell] for cell in list(BEST)[:3]}
    outcomes = study(tmp_path, known, **{**MAP, "cells": cells})
    (tiles,) = winners(outcomes, arm_styles(outcomes)).panes[0].marks
    assert [[tile is None for tile in row] for row in tiles.rows] == [[False, False], [False, True]]


def test_a_browser_draws_each_tile(tmp_path, browser):
    study(tmp_path / "runs", known, **MAP)
    page = build_study_report(tmp_path / "runs", tmp_path / "out").page
    visit = Visit(browser, page)
    assert visit.page.locator("#winners .bars .point").count() == 4
    assert visit.complaints == []
    assert "moe +10.00" in visit.page.locator("#winners").inner_text()

"""Who is ahead in a cell, of what fits the budget."""

import pytest

from triptych.errors import InvalidSetting
from triptych.report.advice import Budget, evidence

from .made import cell, row


def test_the_panel_that_is_shown_to_be_ahead_is_the_only_best_one():
    (found,) = evidence(cell("a", "moe"), Budget())
    assert [panel.panel for panel in found.best] == ["moe"]
    assert [one.verdict for one in found.standings] == ["best mean", "behind", "behind"]
    # moe - dense by seed: .05 + shift(seed + 4) - shift(seed); means of shifts are 0.
    assert found.standings[1].minus.mean == pytest.approx(-0.05)
    assert found.standings[1].minus.high < 0


def test_panels_that_tie_are_all_best_and_the_cheapest_is_the_first():
    rows = [row("a", "moe", 0.9), row("a", "dense", 0.9), row("a", "sparse", 0.5)]
    (found,) = evidence(rows, Budget())
    assert [panel.panel for panel in found.best] == ["dense", "moe"]


def test_a_lead_within_the_margin_of_a_tie_is_a_tie():
    """Shown to be above 0 and to be less than .3 points."""
    ahead = {seed: 0.9 + 0.001 + 0.0001 * (seed % 2) for seed in range(6)}
    level = dict.fromkeys(range(6), 0.9)
    rows = [row("a", "moe", 0, scores=ahead), row("a", "dense", 0, scores=level)]
    (found,) = evidence(rows, Budget())
    assert found.standings[1].minus.high < 0
    assert [one.verdict for one in found.standings] == ["best mean", "tie"]


def test_of_a_panel_the_cheapest_arm_that_is_not_behind_is_named():
    rows = [
        row("a", "moe", 0.9),
        row("a", "dense", 0.5, arm="tiny", flops=1.0),
        row("a", "dense", 0.9, arm="small", flops=50.0),
        row("a", "dense", 0.9, arm="big", flops=5000.0),
    ]
    (found,) = evidence(rows, Budget())
    assert [best.arm for best in found.best] == ["small", "moe"]


@pytest.mark.parametrize(
    ("budget", "left"),
    [
        (Budget(flops=300), {"dense", "sparse", "moe"}),
        (Budget(flops=299), {"dense", "sparse"}),
        (Budget(params=2000), {"dense", "sparse"}),
        (Budget(flops=199), set()),
    ],
)
def test_only_what_fits_the_budget_is_compared_and_one_panel_is_no_comparison(budget, left):
    found = evidence(cell("a", "moe"), budget)
    assert {panel for one in found for panel in one.panels} == left


def test_a_cost_that_is_not_known_fits_no_budget():
    rows = [row("a", "moe", 0.9), row("a", "dense", 0.9, flops=float("nan"))]
    assert evidence(rows, Budget())
    assert not evidence(rows, Budget(flops=1e12))


def test_controls_are_no_evidence():
    rows = [row("a", "dense", 0.8), row("a", "sparse", 0.9)]
    (found,) = evidence([*rows, row("a", "moe", 0.99, control=True)], Budget())
    assert found.panels == {"dense", "sparse"}


def test_arms_that_share_one_seed_are_no_evidence():
    dense, moe = row("a", "dense", 0.8), row("a", "moe", 0.9, scores={5: 0.9, 6: 0.9})
    assert not evidence([dense, moe], Budget())


@pytest.mark.parametrize("most", [0.0, -1.0, float("nan")])
def test_a_budget_is_above_0(most):
    with pytest.raises(InvalidSetting, match=r"--budget-flops .* must be above 0"):
        Budget(flops=most)

import pytest

from triptych.report.study.differences import difference, differences

from .made import SPREAD, study

LEVELS = {("K=1", "dense"): 0.9, ("K=1", "moe"): 0.9, ("K=32", "dense"): 0.8, ("K=32", "moe"): 0.85}


def level(run):
    return LEVELS[run.cell, run.arm]


def test_arms_are_paired_by_seed(tmp_path):
    """Moe of seed s is shifted as dense of seed s + 2."""
    one = difference(study(tmp_path, level), "K=32", "moe", "dense")
    apart = [0.05 + SPREAD[(s + 2) % 6] - SPREAD[s] for s in range(6)]
    assert one.paired.mean == pytest.approx(sum(apart) / 6)
    assert one.wins == 6
    assert one.ranks == pytest.approx(2 / 2**6)
    assert one.bootstrap.low <= one.paired.mean <= one.bootstrap.high


def test_a_lead_is_a_lead_after_the_correction_and_equal_means_are_none(tmp_path):
    null, lead = differences(study(tmp_path, level))
    assert (null.cell, null.verdict) == ("K=1", "tie")
    assert (lead.cell, lead.verdict) == ("K=32", "ahead")
    assert lead.corrected == pytest.approx(2 * lead.paired.p)


def test_the_same_lead_the_other_way_round_is_behind(tmp_path):
    lead = differences(study(tmp_path, level, baselines=["moe"]))[1]
    assert (lead.first, lead.verdict) == ("dense", "behind")


def test_a_tie_needs_a_margin_wider_than_its_interval(tmp_path):
    found = study(tmp_path, level)
    assert difference(found, "K=1", "moe", "dense", margin=0.02).verdict == "tie"
    assert difference(found, "K=1", "moe", "dense", margin=0.0001).verdict == "not shown"


def test_one_seed_shows_nothing(tmp_path):
    assert {one.verdict for one in differences(study(tmp_path, level, seeds=[0]))} == {
        "too few seeds"
    }


def test_a_second_baseline_is_held_against_the_first_and_others_against_both(tmp_path):
    arms = {name: ["model=ffn"] for name in ("dense", "moe", "big")}
    levels = {"dense": 0.8, "moe": 0.9, "big": 0.85}
    found = study(
        tmp_path, lambda run: levels[run.arm], arms=arms, baselines=["dense", "big"], seeds=[0, 1]
    )
    assert [(one.first, one.second) for one in differences(found) if one.cell == "K=1"] == [
        ("moe", "dense"),
        ("big", "dense"),
        ("moe", "big"),
    ]
